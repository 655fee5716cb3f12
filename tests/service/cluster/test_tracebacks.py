"""The message that is shown of an error in another process."""

from service.cluster.tracebacks import error_in

TRACEBACK = """The deployment failed to start 3 times in a row. Error:
ray::ServeReplica:dragoman:ModelServer.initialize_and_get_metadata() (pid=7)
  File "service/hosting/profile.py", line 3, in errors_naming
    raise ConfigError(sentence)
model.errors.ConfigError: d_model: 0 is below 1

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "service/hosting/start.py", line 3, in start_host
{last}
"""


def test_an_error_of_ours_is_its_sentence_alone() -> None:
    last = "service.catalogue.entry.CatalogueError: a.yaml:3: model 'a': it is broken"
    assert error_in(TRACEBACK.format(last=last)) == "a.yaml:3: model 'a': it is broken"


def test_a_sentence_of_several_lines_is_whole() -> None:
    sentence = "a.yaml:3: model 'a': it does not fit:\n  missing: b\n  missing: c"
    last = f"service.catalogue.entry.CatalogueError: {sentence}"
    assert error_in(TRACEBACK.format(last=last)) == sentence


def test_an_error_of_others_keeps_its_name() -> None:
    assert error_in(TRACEBACK.format(last="KeyError: 'a'")) == "KeyError: 'a'"


def test_what_is_no_error_is_its_last_line() -> None:
    assert error_in("It did not start.\nNobody knows why.\n") == "Nobody knows why."
    assert error_in("") == ""
