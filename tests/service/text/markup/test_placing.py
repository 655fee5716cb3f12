"""Tags go around the words that translate what they were around. Links are written by hand."""

import pytest

from service.text.markup.document import parse
from tests.support.text.markup import plain, scattered_links, translated
from tests.support.text.placed_tags import GERMAN

# As in GERMAN.
FRENCH = [
    (
        "The <b>white</b> house is <i>big</i>.",
        "La maison blanche est grande.",
        "The=La white=blanche house=maison is=est big=grande",
        "La maison <b>blanche</b> est <i>grande</i>.",
    ),
    (
        "I do <b>not</b> know the <a href=m>man</a>.",
        "Je ne connais pas l'homme.",
        "I=Je not=pas know=connais the=l' man=homme",
        "Je ne connais <b>pas</b> l'<a href=m>homme</a>.",
    ),
    (
        "See the <a href='x'>user's guide</a>!",
        "Voir le guide de l\u2019utilisateur !",
        "See=Voir the=le user's=utilisateur guide=guide !=!",
        "Voir le <a href='x'>guide de l\u2019utilisateur</a> !",
    ),
    (
        "<em>Really?</em> Yes.",
        [("Vraiment ?", ""), ("Oui.", "")],
        None,
        "<em>Vraiment ?</em> Oui.",
    ),
    (
        "A <b>red</b> <i>apple</i>",
        "Une pomme rouge",
        "A=Une red=rouge apple=pomme",
        "Une <i>pomme</i> <b>rouge</b>",
    ),
    (
        "Open <kbd>Ctrl</kbd>+<kbd>O</kbd> quickly",
        "Ouvrez vite ⟦<kbd>Ctrl</kbd>⟧+⟦<kbd>O</kbd>⟧",
        "Open=Ouvrez quickly=vite",
        "Ouvrez vite <kbd>Ctrl</kbd>+<kbd>O</kbd>",
    ),
    (
        "My <span title='a>b' data-x=\"<i>\">old</span> car",
        "Ma vieille voiture",
        "My=Ma old=vieille car=voiture",
        "Ma <span title='a>b' data-x=\"<i>\">vieille</span> voiture",
    ),
    (
        "Give it <b>to him</b>.",
        "Donnez-le-lui.",
        "Give=Donnez it=le him=lui",
        "Donnez-le-<b>lui</b>.",
    ),
    (
        "<b>We sell</b> cheap cars here",
        "Ici nous vendons des voitures bon marché",
        "We=nous sell=vendons cheap=marché cars=voitures here=Ici",
        "Ici <b>nous vendons</b> des voitures bon marché",
    ),
    (
        "<b>Stop at once</b>.",
        "Il faut arrêter tout de suite.",
        "Stop=arrêter once=suite",
        "<b>Il faut arrêter tout de suite</b>.",
    ),
    (
        "The (<i>very</i>) big “<b>secret</b>”",
        "Le (très) grand « secret »",
        "The=Le very=très big=grand secret=secret",
        "Le (<i>très</i>) grand « <b>secret</b> »",
    ),
    (
        "A <b>word </b>more",
        "Un mot de plus",
        "A=Un word=mot more=plus",
        "Un <b>mot </b>de plus",
    ),
    (
        "Line<script>if (a < b) x('</b>')</script> two <b>three</b>",
        "La ligne deux trois",
        "Line=ligne two=deux three=trois",
        "La ligne<script>if (a < b) x('</b>')</script> deux <b>trois</b>",
    ),
    (
        "Never <b>ever <i>ever</i></b> lie",
        "Ne mens jamais au grand jamais",
        "Never=jamais ever#2=grand ever#3=jamais#2 lie=mens",
        "Ne mens jamais au <b>grand <i>jamais</i></b>",
    ),
    (
        "Go <a><b><i>home</i></b></a> now",
        "Rentrez maintenant chez vous",
        "Go=Rentrez home=chez now=maintenant",
        "Rentrez maintenant <a><b><i>chez</i></b></a> vous",
    ),
]


@pytest.mark.parametrize(("source", "target", "pairs", "markup"), GERMAN + FRENCH)
def test_tags_follow_the_words_of_a_translation(
    source: str, target: str | list[tuple[str, str]], pairs: str | None, markup: str
) -> None:
    translations = [(target, pairs or "")] if isinstance(target, str) else target

    assert translated(parse(source, format="html"), translations) == markup


# Where nothing but weak links is known of an element's words, they count.
LINKED = [case for case in GERMAN + FRENCH if case[2] and case[3] != GERMAN[-1][3]]


@pytest.mark.parametrize(("source", "target", "pairs", "markup"), LINKED)
def test_weak_links_move_no_tag(source: str, target: str, pairs: str, markup: str) -> None:
    [block] = parse(source, format="html").blocks
    scattered = scattered_links(block.text, plain(target), weight=0.2)

    assert translated(parse(source, format="html"), [(target, pairs)], scattered) == markup


UNSPACED = [
    (
        "Press <b>Save</b> now.",
        "现在按保存。",
        "Press=按 Save=保存 now=现在 .=。",
        "现在按<b>保存</b>。",
    ),
    (
        "Open <a href=f>the file</a><img src=i>.",
        "ファイルを開きます。",
        "Open=開き the=ファイル file=ファイル",
        "<a href=f>ファイル</a><img src=i>を開きます。",
    ),
    (
        "<i>Stop.</i> <b>Go</b> on.",
        [("停。", ""), ("继续走。", "Go=走 on=继续")],
        None,
        "<i>停。</i> 继续<b>走</b>。",
    ),
]


@pytest.mark.parametrize(("source", "target", "pairs", "markup"), UNSPACED)
def test_tags_follow_characters_where_words_have_no_blanks(
    source: str, target: str | list[tuple[str, str]], pairs: str | None, markup: str
) -> None:
    translations = [(target, pairs or "")] if isinstance(target, str) else target

    assert translated(parse(source, format="html"), translations) == markup


XML = [
    (
        '<doc><title>A <em>small</em> key</title><p>Turn <x n="1"/> it.</p></doc>',
        [
            ("Ein kleiner Schlüssel", "A=Ein small=kleiner key=Schlüssel"),
            ("Ihn drehen.", "Turn=drehen it=Ihn"),
        ],
        '<doc><title>Ein <em>kleiner</em> Schlüssel</title><p><x n="1"/> Ihn drehen.</p></doc>',
    ),
    (
        "<r><b>Bold</b><i>slanted</i></r>",
        [("Fett", ""), ("schräg", "")],
        "<r><b>Fett</b><i>schräg</i></r>",
    ),
    (
        "<p>Use &product; <![CDATA[a < b]]> here</p>",
        [("Nutze hier ⟦<![CDATA[a < b]]>⟧ von ⟦&product;⟧", "Use=Nutze here=hier")],
        "<p>Nutze hier <![CDATA[a < b]]> von &product;</p>",
    ),
    (
        "<p>Fish &#38; chips<?page 3?> for &#x32; ]]&gt;</p>",
        [("Fisch & Pommes für 2 ]]>", "Fish=Fisch chips=Pommes for=für 2=2")],
        "<p>Fisch &#38; Pommes<?page 3?> für &#x32; ]]&gt;</p>",
    ),
]


@pytest.mark.parametrize(("source", "translations", "markup"), XML)
def test_xml_is_cut_where_its_elements_have_no_text_around_them(
    source: str, translations: list[tuple[str, str]], markup: str
) -> None:
    assert translated(parse(source, format="xml"), translations) == markup


def test_a_lost_copy_of_an_element_is_put_where_a_tag_would_be() -> None:
    document = parse("Run <code>ls</code> now", format="html")

    markup = translated(document, [("Jetzt starten", "Run=starten now=Jetzt")])

    assert markup == "Jetzt starten<code>ls</code>"
