"""Turn the tasks' answers into LibreTranslate's bodies."""

from collections.abc import Sequence

from service.dialects.libretranslate.codes import AUTO, LanguageCodes
from service.dialects.libretranslate.schemas import (
    DetectedLanguage,
    FormLanguages,
    FrontendSettings,
    Language,
    NamedLanguage,
    TranslateAnswer,
)
from service.settings import Settings
from service.tasks.records import ItemAnswer, TranslationRequest
from service.tasks.registry import ModelRegistry
from service.text.detection import Detection, Detector
from service.text.languages import name_of

_TYPING_PAUSE_MS = 500  # LibreTranslate's own, after which a form asks
_NO_WORDS = DetectedLanguage(confidence=0, language="en")  # as it answers for a text without any


def translate_answer(
    items: Sequence[ItemAnswer],
    request: TranslationRequest,
    *,
    is_list: bool,
    codes: LanguageCodes,
    detector: Detector,
) -> TranslateAnswer:
    """Return the body of `/translate`; fields that were not asked for stay unset."""
    fields: dict[str, list[object]] = {"translated_text": [item.text for item in items]}
    if request.source_lang is None:
        pairs = zip(items, request.text, strict=True)
        fields["detected_language"] = [
            _detected(item, _visible(text, request), codes=codes, detector=detector)
            for item, text in pairs
        ]
    if request.overrides.num_return is not None:
        fields["alternatives"] = list(map(_alternatives, items))
    return TranslateAnswer.model_validate(
        fields if is_list else {name: values[0] for name, values in fields.items()}
    )


def detect_answer(detection: Detection, codes: LanguageCodes) -> list[DetectedLanguage]:
    """Return the body of `/detect`: the languages that the text may be in, the likeliest first."""
    if detection.language is None:
        return [_NO_WORDS]
    shares = {**detection.shares, detection.language: detection.confidence}
    found = [_percent(codes.shown(code), share) for code, share in shares.items()]
    likely = [each for each in found if each.confidence > 0]
    return sorted(likely or found[:1], key=lambda each: -each.confidence)


def languages_answer(registry: ModelRegistry, codes: LanguageCodes) -> list[Language]:
    """Return the body of `/languages`: every served language, with its targets."""
    shown = {code: codes.shown(code) for code in registry.languages}
    return [
        Language(
            code=its, name=name_of(its), targets=[shown[each] for each in registry.targets(code)]
        )
        for code, its in shown.items()
    ]


def settings_answer(
    settings: Settings, registry: ModelRegistry, codes: LanguageCodes, *, needs_key: bool
) -> FrontendSettings:
    """Return the body of `/frontend/settings`; a form begins with the first language's target."""
    targets = (target for code in registry.languages for target in registry.targets(code))
    target = codes.shown(next(targets, "en"))
    return FrontendSettings(
        api_keys=needs_key,
        char_limit=settings.max_text_characters,
        files_translation=False,
        frontend_timeout=_TYPING_PAUSE_MS,
        key_required=needs_key,
        language=FormLanguages(
            source=NamedLanguage(code=AUTO, name="Auto Detect"),
            target=NamedLanguage(code=target, name=name_of(target)),
        ),
        suggestions=False,
        supported_files_format=[],
    )


def _detected(
    item: ItemAnswer, text: str, *, codes: LanguageCodes, detector: Detector
) -> DetectedLanguage:
    """Return the language that a text was translated from, and how likely it is by itself."""
    assert item.source_lang is not None  # noqa: S101 - every translation has one
    detection = detector.detect(text)
    share = detection.shares.get(item.source_lang, 0.0)
    is_it = detection.language == item.source_lang
    return _percent(codes.shown(item.source_lang), detection.confidence if is_it else share)


def _visible(text: str, request: TranslationRequest) -> str:
    return text if request.markup is None else request.markup.parse(text).visible


def _percent(language: str, share: float) -> DetectedLanguage:
    # Clients have failed on a fraction, even on 95.0.
    return DetectedLanguage(confidence=round(100 * share), language=language)


def _alternatives(item: ItemAnswer) -> list[str]:
    """Return an item's other translations, none of them twice or empty."""
    texts = dict.fromkeys(each.text for each in item.alternatives)
    return [text for text in texts if text not in {item.text, ""}]
