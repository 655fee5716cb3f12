"""Options that the commands of every kind of model share."""

from pathlib import Path
from typing import Annotated

import typer

from model.training.corpus import TrainingError
from model.training.state import has_state

DataOption = Annotated[Path, typer.Option(help="Folder of the *.tsv.gz files.")]
RunOption = Annotated[Path, typer.Option(help="Folder of a training: its state, its vocabulary.")]
CheckpointOption = Annotated[Path, typer.Option(help="Folder of a checkpoint.")]
MinutesOption = Annotated[float, typer.Option(help="Length of the whole training.")]
ResumeOption = Annotated[bool, typer.Option(help="Go on with the state in --output.")]
HardwareOption = Annotated[str, typer.Option(help="Trained on what, for the card.")]


def check_output(folder: Path, *, resume: bool) -> None:
    """Check that no training would be overwritten.

    Raises:
        TrainingError: The folder holds a state, and `resume` is false.
    """
    if has_state(folder) and not resume:
        raise TrainingError(
            f"{folder} holds a training: go on with it by --resume, or choose another folder"
        )
