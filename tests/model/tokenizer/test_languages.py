import time

import pytest

from model.tokenizer import layouts
from model.tokenizer.languages import LanguageTags

MARIAN = layouts.MARIAN[0]
MBART, MBART50 = layouts.MBART
NLLB, M2M100, _ = layouts.M2M100
T5 = layouts.T5[0]

# What a user of ISO codes expects of the tags of NLLB's languages that have one.
_NLLB_CODES = (
    "af:afr_Latn am:amh_Ethi ar:arb_Arab as:asm_Beng ay:ayr_Latn az:azj_Latn be:bel_Cyrl "
    "bg:bul_Cyrl bn:ben_Beng bs:bos_Latn ca:cat_Latn ckb:ckb_Arab cs:ces_Latn cy:cym_Latn "
    "da:dan_Latn de:deu_Latn el:ell_Grek en:eng_Latn eo:epo_Latn es:spa_Latn et:est_Latn "
    "eu:eus_Latn fa:pes_Arab ff:fuv_Latn fi:fin_Latn fil:tgl_Latn fr:fra_Latn ga:gle_Latn "
    "gl:glg_Latn gn:grn_Latn gu:guj_Gujr ha:hau_Latn he:heb_Hebr hi:hin_Deva hr:hrv_Latn "
    "ht:hat_Latn hu:hun_Latn hy:hye_Armn id:ind_Latn ig:ibo_Latn is:isl_Latn it:ita_Latn "
    "ja:jpn_Jpan jv:jav_Latn ka:kat_Geor kk:kaz_Cyrl km:khm_Khmr kn:kan_Knda ko:kor_Hang "
    "kr:knc_Latn ks:kas_Arab ku:kmr_Latn ky:kir_Cyrl lb:ltz_Latn lo:lao_Laoo lt:lit_Latn "
    "lv:lvs_Latn mg:plt_Latn mk:mkd_Cyrl ml:mal_Mlym mn:khk_Cyrl mr:mar_Deva ms:zsm_Latn "
    "mt:mlt_Latn my:mya_Mymr nb:nob_Latn ne:npi_Deva nl:nld_Latn nn:nno_Latn no:nob_Latn "
    "om:gaz_Latn or:ory_Orya pa:pan_Guru pl:pol_Latn ps:pbt_Arab pt:por_Latn qu:quy_Latn "
    "ro:ron_Latn ru:rus_Cyrl sd:snd_Arab si:sin_Sinh sk:slk_Latn sl:slv_Latn so:som_Latn "
    "sq:als_Latn sr:srp_Cyrl sv:swe_Latn sw:swh_Latn ta:tam_Taml te:tel_Telu th:tha_Thai "
    "tl:tgl_Latn tr:tur_Latn tw:twi_Latn ug:uig_Arab uk:ukr_Cyrl ur:urd_Arab uz:uzn_Latn "
    "vi:vie_Latn yi:ydd_Hebr yue:yue_Hant zh:zho_Hans zh-Hant:zho_Hant zu:zul_Latn "
    "ak:aka_Latn ace:ace_Latn bjn:bjn_Latn taq:taq_Latn"
)
NLLB_CODES = dict(pair.split(":") for pair in _NLLB_CODES.split())


@pytest.fixture(scope="module")
def nllb() -> LanguageTags:
    return LanguageTags(NLLB.added, pattern=NLLB.tags)


def tags(entries: str, pattern: str | None) -> LanguageTags:
    return LanguageTags(entries.split(), pattern=pattern)


def test_each_of_nllbs_languages_is_found_by_its_own_code(nllb: LanguageTags) -> None:
    codes = NLLB.added[:-1]  # without <mask>
    assert len(codes) == len(nllb.codes) == 202
    for code in codes:
        assert nllb.find(code) == nllb.find(code.lower()) == nllb.find(code.replace("_", "-"))
        assert nllb.find(code) == code


def test_each_of_nllbs_languages_is_offered_under_one_code_that_finds_it(
    nllb: LanguageTags,
) -> None:
    assert len(set(nllb.codes)) == 202
    assert [nllb.find(code) for code in nllb.codes] == list(NLLB.added[:-1])


@pytest.mark.parametrize(("code", "tag"), NLLB_CODES.items())
def test_iso_codes_find_the_language_that_people_mean(
    nllb: LanguageTags, code: str, tag: str
) -> None:
    assert nllb.find(code) == tag
    assert code in nllb.codes or code in {"no", "tl"}  # offered as nb and fil


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        *(("deu", "deu_Latn"), ("ger", "deu_Latn"), ("de-AT", "deu_Latn"), ("DE", "deu_Latn")),
        *(("iw", "heb_Hebr"), ("in", "ind_Latn"), ("jw", "jav_Latn"), ("mo", "ron_Latn")),
        *(("ara", "arb_Arab"), ("arb", "arb_Arab"), ("zsm", "zsm_Latn"), ("swa", "swh_Latn")),
        *(("cmn", "zho_Hans"), ("zh-CN", "zho_Hans"), ("zh-TW", "zho_Hant"), ("zh_HK", "zho_Hant")),
        *(("prs", "prs_Arab"), ("fa-AF", "prs_Arab"), ("fa-IR", "pes_Arab"), ("pt-BR", "por_Latn")),
        *(("ks-Deva", "kas_Deva"), ("ace-Arab", "ace_Arab"), ("kr-Arab", "knc_Arab")),
    ],
)
def test_other_ways_to_write_a_language_find_it(nllb: LanguageTags, code: str, tag: str) -> None:
    assert nllb.find(code) == tag


@pytest.mark.parametrize(
    "code",
    ["sr-Latn", "de-Arab", "quz", "pbu", "gsw", "xx", "und", "", "de de", "a" * 99, "<mask>"],
)
def test_no_other_language_or_script_is_found_instead(nllb: LanguageTags, code: str) -> None:
    assert nllb.find(code) is None


def test_a_group_of_languages_finds_its_main_one_only() -> None:
    assert tags("yue_Hant arz_Arab nno_Latn ind_Latn", NLLB.tags).find("zh") is None
    found = tags("yue_Hant arz_Arab nno_Latn ind_Latn hrv_Latn", NLLB.tags)
    assert [found.find(code) for code in ("ar", "no", "ms", "sr", "bs")] == 5 * [None]


def test_m2m100s_own_codes_need_no_standard() -> None:
    languages = LanguageTags(M2M100.added, pattern=M2M100.tags)
    assert languages.find("ns") == languages.find("nso") == "__ns__"
    assert languages.find("nb") == languages.find("no") == "__no__"
    assert languages.find("nn") is languages.find("sr-Latn") is languages.find("zh-Hant") is None
    assert languages.find("iw") == "__he__"
    assert len(set(languages.codes)) == 100
    assert {"de", "nso", "no", "fil", "ceb"} < {*languages.codes}


def test_mbarts_countries_are_the_usual_ones_or_none() -> None:
    languages = LanguageTags(MBART50.added, pattern=MBART50.tags)
    assert languages.find("de") == languages.find("de-AT") == "de_DE"
    assert languages.find("en") == languages.find("en-GB") == "en_XX"
    assert languages.find("pt-BR") == languages.find("pt") == "pt_XX"
    assert languages.find("zh") == "zh_CN"
    assert languages.find("zh-TW") is None
    assert len(set(languages.codes)) == 52
    assert all(len(code) <= 3 for code in languages.codes)


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        *(("zh", ">>zho<<"), ("zh-Hans", ">>cmn_Hans<<"), ("zh-Hant", ">>cmn_Hant<<")),
        *(("cmn_Hans", ">>cmn_Hans<<"), ("cmn", ">>zho<<"), ("zh-TW", ">>cmn_Hant<<")),
        *(("pt", ">>por<<"), ("pt-PT", ">>por<<"), ("pt-BR", ">>pob<<"), ("pob", ">>pob<<")),
        *(("sr", ">>srp_Cyrl<<"), ("sr-Latn", ">>srp_Latn<<"), ("ja", ">>jpn<<")),
        *(("ja-Hira", ">>jpn_Hira<<"), ("deu", ">>deu<<"), ("de", ">>deu<<"), ("fr-CA", ">>fra<<")),
    ],
)
def test_of_several_tags_the_nearest_is_found(code: str, tag: str) -> None:
    entries = "cmn_Hans cmn_Hant zho por pob srp_Latn srp_Cyrl jpn_Hira jpn deu fra"
    vocabulary = [f">>{entry}<<" for entry in entries.split()]
    assert LanguageTags(vocabulary, pattern=MARIAN.tags).find(code) == tag


def test_codes_are_offered_in_the_order_of_the_vocabulary() -> None:
    languages = tags("</s> >>fra<< the >>deu<< >>cmn_Hans<< >>cmn_Hant<< >>pob<<", MARIAN.tags)
    assert languages.codes == ("fr", "de", "zh", "zh-Hant", "pt")


def test_what_is_no_language_is_found_by_its_own_name() -> None:
    languages = LanguageTags(layouts.PLBART[0].added, pattern=layouts.PLBART[0].tags)
    assert languages.codes == ("java", "python", "en")
    assert languages.find("java") == "__java__"
    madlad = tags("<2de> <2zh_Hant> <2translate> <sep>", T5.tags)
    assert madlad.codes == ("de", "zh-Hant", "translate")
    assert madlad.find("zh-TW") == "<2zh_Hant>"


def test_a_vocabulary_may_have_no_tags() -> None:
    assert tags("the >>de<<", None).codes == tags("the", MARIAN.tags).codes == ()
    assert tags("the >>de<<", None).find("de") is None


def test_a_large_vocabulary_is_searched_in_well_under_a_second() -> None:
    entries = [*(f"▁word{number}" for number in range(250_000)), *NLLB.added]
    start = time.perf_counter()
    assert LanguageTags(entries, pattern=NLLB.tags).find("de") == "deu_Latn"
    assert time.perf_counter() - start < 2.0  # 0.15 s where nothing else runs
