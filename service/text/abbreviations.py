"""Abbreviations of four languages, and what they tell about the end of a sentence.

An entry in lower case matches with a capital, too; an entry with a capital matches that form only.
Entries of several parts are written without blanks: `z.B` for "z. B." and "z.B.".
"""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Abbreviations:
    """The lists of one language, each of words parted by blanks.

    Attributes:
        never: A sentence goes on after them: titles, "e.g.".
        with_number: Abbreviations before a number, other words (or none) elsewhere: "No. 5".
        seldom: A sentence ends after them only if the next word is one of `starters`.
        often: A sentence ends after them if a capital follows, unless it is one of `times`.
        starters: Words that begin a sentence, and are capitalized for no other reason.
        times: Capitalized words that go on after a time: "5 p.m. Monday".
        prefixes: First words of an adverbial such as "At 5 p.m.", which begins a sentence.
        speech: Verbs that follow a name after direct speech.
        suffixes: Ends of words that are abbreviated in any compound: "Goethestr."
        has_ordinals: A full stop makes an ordinal of a number: "der 17. Versuch".
        has_spaced_quotes: A blank stands before a closing quote, as in French.
    """

    never: str
    with_number: str
    seldom: str
    often: str
    starters: str
    times: str = ""
    prefixes: str = ""
    speech: str = ""
    suffixes: tuple[str, ...] = ()
    has_ordinals: bool = False
    has_spaced_quotes: bool = False

    @cached_property
    def kinds(self) -> dict[str, str]:
        """For each abbreviation the name of its list."""
        names = ("often", "seldom", "with_number", "never")
        return {word: name for name in names for word in getattr(self, name).split()}

    @cached_property
    def begins(self) -> frozenset[str]:
        """The starters."""
        return frozenset(self.starters.split())

    @cached_property
    def going_on(self) -> frozenset[str]:
        """The times."""
        return frozenset(self.times.split())

    @cached_property
    def adverbials(self) -> frozenset[str]:
        """The prefixes."""
        return frozenset(self.prefixes.split())

    @cached_property
    def said(self) -> frozenset[str]:
        """The verbs of speech."""
        return frozenset(self.speech.split())

    def kind(self, word: str) -> str | None:
        """Return the name of the list that has `word`, which has no full stop at its end."""
        found = self.kinds.get(word)
        return found or self.kinds.get(word[:1].lower() + word[1:])


_EVERYWHERE = "vs cf viz ca approx e.g i.e eg ie N.B P.S R.I.P op.cit loc.cit a.k.a Tel tel"

_ENGLISH = Abbreviations(
    never=f"""{_EVERYWHERE} Mr Mrs Ms Mx Messrs Mmes Dr Drs Prof Rev Hon Gen Col Maj Capt Cpt Lt Sgt
    Cpl Pvt Adm Cmdr Cdr Brig Gov Sen Rep Pres Supt Det Insp Msgr Mt Fig Figs Eq Eqs est attn incl
    excl resp esp dept asst assoc avg c.f w.r.t Ref ext mfr mgr Lieut Comdr Amb em""",
    with_number="""No no Nos nos p pp fig figs Sec sec secs Chap chap ch Ch vol Vol vols Art art
    arts par para paras cl ver ed eq tab col ll n nr ser bk pt app max min apt Apt rm Rm st sect
    cap div in Ex ex Op op Ps Gen Lev Rom Cor Matt""",
    seldom="""Inc Ltd Corp Co LLC Bros Jr Sr Esq St Ave Rd Blvd Ln Sq Hwy Ft Ph.D M.D al ibid Jan
    Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun Univ
    ft lb lbs oz hr hrs yr yrs assn bldg Mfg B.C A.D Calif Mass Pa Va Fla Conn Ga Ill Wash Colo Bldg
    U.S U.K misc govt intl natl""",
    often="etc a.m p.m A.M P.M",
    starters="""I It He She They We You The This That These Those There Then But And Or So If When
    While Where Who What Why How Which Is Are Was Were Do Does Did Can Could Will Would Should Have
    Has Had My His Her Its Our Your Their A An In On At By For From With Without After Before
    However Also Not No Yes Please Now Here Today Tomorrow Yesterday Later Maybe Perhaps Because
    Although Since Every Each All Some Many Most Both One Two Let Don Nobody Everyone Everybody
    Someone Nothing Everything Another Other Others To Of As Until During Meanwhile Instead
    Therefore Nevertheless Once Just Only Even Still Such More Never Always Often Sometimes""",
    times="""Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April
    May June July August September October November December Mon Tue Wed Thu Fri Sat Sun Eastern
    Pacific Central Mountain EST EDT PST PDT CST CDT MST MDT GMT UTC BST CET CEST ET PT CT MT""",
    prefixes="At By Around About Until Since From After Before On In Between Every Shortly",
    speech="""said asked replied cried shouted answered whispered yelled exclaimed added called
    screamed muttered murmured says asks wondered laughed sighed continued explained insisted""",
)

_GERMAN = Abbreviations(
    never=f"""{_EVERYWHERE} Hr Hrn Fr Frl Dr Dres Prof Dipl Ing Dipl.-Ing Mag St Nr Nrn bzw bspw
    bez bzgl d.h d.i evtl exkl ggf ggfs ggü insb insbes inkl i.d.R i.A i.V jew lt m.E sog u.U v.a
    vgl wg z.B z.T z.Zt z.Hd zzgl abzgl zuzügl einschl eigtl geb gegr gest gem hrsg Hrsg urspr
    zz med jur phil rer nat pol theol habil dent vet allg amtl techn stellv stv o.g d.J i.S i.R
    Abb Tab Kap Ziff Anm Gebr Fam Fa Hptm Lt Oblt Gen Frh Hl hl a.d o.B z.Z verh gesch dt engl frz
    franz lat griech österr schweiz bayer röm kath ev Bgm Präs Min.-Präs Hbf.-Nr""",
    with_number="""Art Abs Anl So max min mind Bl Satz Lit lit Pos Ref Reg Vers in Ps ver S""",
    seldom="""Jh Jhs Jhd Jan Feb Mrz Apr Jun Jul Aug Sep Sept Okt Nov Dez Mo Di Mi Do Sa Chr MwSt
    USt Mio Mrd Tsd Std Min Sek Stk Stck Str Pl Bd Bde Aufl Abt Az Bhf Hbf Hg Jg Lfg Verf Verl Zs
    Kto Rn Rdnr Rz Sp Buchst Inc Ltd Corp Co jun sen Jr Sr e.V u.a s.o s.u ff ebd Red Slg Ztr vorm
    nachm tgl mtl jährl wöchentl v.Chr n.Chr Tel.-Nr Proz Expl Ex Ausg Bearb Übers verst k.A a.D
    a.M Mrd Sekr Vors Vorst Verw Gem Bez Prov Ldkr Krs Komp Bat Rgt Div Uffz Fw Ofw""",
    often="usw etc usf u.ä u.Ä o.ä o.Ä dgl",
    starters="""Der Die Das Dem Den Des Ein Eine Einen Einem Einer Eines Dies Diese Dieser Dieses
    Diesen Es Er Sie Wir Ihr Ich Du Man Dann Da Dort Danach Aber Und Oder Doch Denn Jedoch Wenn Als
    Weil Obwohl Nachdem Bevor Wer Was Wo Wie Warum Wann Ist Sind War Waren Hat Haben Hatte Hatten
    Kann Können Wird Werden Wurde Mein Meine Sein Seine Seinen Ihre Ihren Unser Unsere Nun Jetzt
    Heute Gestern Auch Nicht Nur So Im In Am An Auf Bei Mit Nach Von Vom Vor Zu Zum Zur Für Aus Über
    Unter Durch Gegen Ohne Um Während Bis Ab Seit Kein Keine Alle Viele Beide Bitte Ja Nein Hier
    Damit Deshalb Daher Trotzdem Später Zuerst Schließlich Dabei Dazu Davon Darum Dadurch Darin
    Niemand Jeder Jede Jedes Manche Einige Andere Nichts Alles Etwas Mehr Vielleicht Leider Sonst
    Außerdem Dennoch Zwar Sogar Noch Schon Erst Immer Nie Oft Manchmal Welche Welcher Wenige""",
    suffixes=("str", "pl", "-Str", "-Pl"),
    has_ordinals=True,
)

_FRENCH = Abbreviations(
    never=f"""{_EVERYWHERE} M MM Mme Mmes Mlle Mlles Mgr Me Dr Drs Pr Prof St Ste Sts av Av bd Bd
    boul tél Tél fax env p.ex c.-à-d Gén Col Cdt Cap Lt Sgt Adj Cne fbg Fbg imp réf Réf dép adm adj
    prés Prés ex-prés dir min.-prés chap Chap fig Fig not ibid""",
    with_number="""no No nos n p pp art arts Art al max min éd ed t ch sect vol Vol ex st pl f
    ann div app par col liv para prop""",
    seldom="""Cie Inc Ltée ltée Ltd Corp janv févr avr juil sept oct nov déc J.-C hab apr svp qqn
    qqch Jr a.m p.m lun jeu ven sam dim Univ dept dépt éd.rév Ph.D""",
    often="etc",
    starters="""Il Elle Ils Elles On Je Tu Nous Vous Le La Les Un Une Des Ce Cet Cette Ces Mon Ma
    Mes Son Sa Ses Notre Nos Votre Vos Leur Leurs Mais Et Ou Donc Or Car Puis Alors Ensuite Enfin Si
    Quand Lorsque Comme Que Qui Quoi Où Comment Pourquoi Dans En Au Aux À A De Du Sur Sous Avec Sans
    Pour Par Chez Après Avant Depuis Pendant Aujourd Hier Demain Ici Là Voici Voilà Oui Non Ne Est
    Sont Était Tout Tous Toute Toutes Chaque Plus Très Aussi Ainsi Cependant Pourtant Ça Cela Ceci
    Personne Rien Quelques Plusieurs Certains Aucun Aucune Jamais Toujours Souvent Parfois Merci
    Maintenant Toutefois Y Moi Toi Lui Eux""",
    has_spaced_quotes=True,
)

_SPANISH = Abbreviations(
    never=f"""{_EVERYWHERE} Sr Sra Sres Sras Srta Srtas D Dª D.ª Dña Dr Dra Dres Dras Ing Lic Arq
    Prof Profa Gral Cnel Cap Tte Sgto Cabo Mons Rvdo Rvda Excmo Excma Ilmo Ilma Av Avda Ctra Pza Pl
    Pº núm núms nº n.º nro pág págs fig figs aprox tfno teléf p.ej vid Sto Sta Fr Fray dpto Dpto
    depto Depto admón Admón EE FF RR JJ CC AA Gen Col Alte Cmdte Pdte Vda Hnos Hno Hna Mtro Mtra Bto
    Licda Dto izq dcha pral bco C Urb Edo Edif Mcal Almte Párr párr Cód cód""",
    with_number="""No Nos no p pp cap caps art arts Art vol Vol vols máx mín ed t ext min max ej
    ap apdo Apdo pto inc lib tom sec secc lám col par""",
    seldom="""Ud Uds Vd Vds Cía Inc Ltd Ltda Corp a.C d.C UU EE.UU OO feb abr jun jul ago sept oct
    nov dic Jr al Univ Bs pdo Fdo S.A S.L J.C""",
    often="etc a.m p.m",
    starters="""El La Los Las Un Una Unos Unas Él Ella Ellos Ellas Yo Tú Nosotros Nosotras Usted
    Ustedes Lo Le Les Se Me Te Nos Es Son Era Fue Está Están Hay Pero Y E O Aunque Si Cuando Como
    Cómo Donde Dónde Que Qué Quién Por Para Con Sin En De Del A Al Desde Hasta Después Antes Luego
    Entonces Ahora Hoy Ayer Mañana Aquí Allí Este Esta Estos Estas Ese Esa Eso Esto Mi Mis Su Sus Tu
    Tus Nuestro Nuestra No Sí También Todo Todos Todas Cada Muy Más Ya Así Nadie Nada Algunos Muchos
    Muchas Ambos Tampoco Nunca Siempre Solo Sólo Además Sobre Entre Durante Gracias Porque Ni""",
    times="lunes martes",
    prefixes="A Desde Hasta Sobre Hacia",
    has_spaced_quotes=True,
)

ABBREVIATIONS = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "es": _SPANISH}
