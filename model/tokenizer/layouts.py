"""The layouts of the families' tokenizers; a family's usual one comes first."""

from model.tokenizer.layout import TokenizerLayout

_FAIRSEQ_SPM = "sentencepiece.bpe.model"
_FAIRSEQ_FIRST = ("<s>", "<pad>", "</s>", "<unk>")
_FAIRSEQ_SKIPPED = 3  # of the file's pieces: <unk>, <s>, </s>
_COUNTRY_TAGS = r"([a-z]{2}_[A-Z]{2})"
_UNDERSCORE_TAGS = r"__(\w+)__"
_SCRIPT_TAGS = r"([a-z]{3}_[A-Z][a-z]{3})"


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_MBART = _codes(
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT "
    "lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN"
)
_MBART50 = (
    *_MBART,
    *_codes(
        "af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF "
        "pt_XX sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI"
    ),
)
_M2M100 = _codes(
    "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu "
    "ha he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr "
    "ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk "
    "ur uz vi wo xh yi yo zh zu"
)
_WMT21 = _codes("en ha is ja cs ru zh de")
_NLLB = _codes(
    "ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab "
    "arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn "
    "bak_Cyrl bam_Latn ban_Latn bel_Cyrl bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt "
    "bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn cym_Latn "
    "dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn "
    "ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn "
    "gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn "
    "hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn "
    "kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn "
    "kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kon_Latn kor_Hang kmr_Latn lao_Laoo "
    "lvs_Latn lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn "
    "luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn "
    "mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva "
    "nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn "
    "por_Latn prs_Arab pbt_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng "
    "scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn "
    "spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn szl_Latn tam_Taml "
    "tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn "
    "tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab "
    "uzn_Latn vec_Latn vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans "
    "zho_Hant zul_Latn"
)
_PLBART = _codes("__java__ __python__ __en_XX__")
_PLBART_MULTI = (*_PLBART, *_codes("__javascript__ __php__ __ruby__ __go__"))


def _fairseq(*added: str, tags: str, **when: str) -> TokenizerLayout:
    """Return a layout of fairseq's four tokens, the pieces without their first 3, and `added`."""
    return TokenizerLayout(
        when=when,
        spm=_FAIRSEQ_SPM,
        first=_FAIRSEQ_FIRST,
        skipped=_FAIRSEQ_SKIPPED,
        added=added,
        tags=tags,
    )


def _m2m100(*codes: str, **when: str) -> TokenizerLayout:
    return TokenizerLayout(
        when=when,
        spm=_FAIRSEQ_SPM,
        vocab="vocab.json",
        added=tuple(f"__{code}__" for code in codes),
        tags=_UNDERSCORE_TAGS,
    )


BART = (TokenizerLayout(),)
MARIAN = (
    TokenizerLayout(
        spm="source.spm", target_spm="target.spm", vocab="vocab.json", tags=r">>(.+)<<"
    ),
)
MBART = (
    _fairseq(*_MBART, "<mask>", tags=_COUNTRY_TAGS),
    _fairseq(*_MBART50, "<mask>", tags=_COUNTRY_TAGS, tokenizer_class="MBart50Tokenizer"),
)
NLLB = _fairseq(*_NLLB, "<mask>", tags=_SCRIPT_TAGS, tokenizer_class="NllbTokenizer")
M2M100 = (NLLB, _m2m100(*_M2M100), _m2m100(*_WMT21, language_codes="wmt21"))
PLBART = (
    _fairseq(*_PLBART, "<mask>", tags=_UNDERSCORE_TAGS),
    _fairseq(*_PLBART_MULTI, tags=_UNDERSCORE_TAGS, language_codes="multi"),
)
PEGASUS = (
    TokenizerLayout(
        spm="spiece.model",
        first=(
            *("<pad>", "</s>", "<mask_1>", "<mask_2>"),
            *(f"<unk_{number}>" for number in range(2, 103)),
        ),
        skipped=2,  # <pad>, </s>
    ),
)
# MADLAD-400's checkpoints are T5's by name, and so are ByT5's, which have no vocabulary.
T5 = (TokenizerLayout(spm="spiece.model", extra_ids=100, tags=r"<2(\w+)>"),)
GEMMA = (TokenizerLayout(spm="tokenizer.model"),)
