"""Read the elements of tensors, and write them: as JSON, or as binary data after the JSON object.

In binary data an element of BYTES is its length, in 4 bytes, little-endian, and then its bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.dialects.kserve.schemas import InputTensor
from service.errors import InvalidBodyError, InvalidFieldError, show

_LENGTH = struct.Struct("<I")
_FP32 = struct.Struct("<f")
_MAX_DIGITS = 20  # of a header's number


@dataclass(frozen=True, slots=True)
class Tensor:
    """The texts of an input, and its shape."""

    shape: tuple[int, ...]
    values: tuple[str, ...]


def split_body(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    """Return the JSON object of a body and the binary data after it.

    Args:
        body: All of it.
        header_length: `Inference-Header-Content-Length`: the bytes of the JSON object.

    Raises:
        InvalidBodyError: That is no length of a part of the body.
    """
    if header_length is None:
        return body, b""
    if not header_length.isdecimal() or int(header_length[:_MAX_DIGITS]) > len(body):
        raise InvalidBodyError(
            f"the header inference-header-content-length is {show(header_length)}; "
            f"it must be a number of bytes, and the body has {len(body)}"
        )
    length = int(header_length[:_MAX_DIGITS])
    return body[:length], body[length:]


def read_tensors(inputs: Sequence[InputTensor], binary: bytes) -> dict[str, Tensor]:
    """Return the inputs by name; `binary` is the data of those that are not JSON, in order.

    Raises:
        InvalidFieldError: A tensor's data does not have its shape, or is no text.
        InvalidBodyError: There is more binary data than the tensors have.
    """
    tensors: dict[str, Tensor] = {}
    offset = 0
    for index, each in enumerate(inputs):
        where = f"inputs[{index}]"
        if each.name in tensors:
            raise InvalidFieldError(f"{where}.name", f"is {show(each.name)}, which is there twice")
        size = each.parameters.binary_data_size if each.parameters else None
        if size is None:
            values = _from_json(each.data, where)
        elif each.data is not None:
            raise InvalidFieldError(f"{where}.data", "excludes `binary_data_size`")
        elif size > len(binary) - offset:
            raise InvalidFieldError(
                f"{where}.parameters.binary_data_size",
                f"is {show(size)}; {len(binary) - offset} bytes are left",
            )
        else:
            values = _from_binary(binary[offset : offset + size], where)
            offset += size
        tensors[each.name] = Tensor(_checked_shape(each, len(values), where), tuple(values))
    if offset < len(binary):
        raise InvalidBodyError(f"{len(binary) - offset} bytes follow the data of the last input")
    return tensors


def binary_of(values: Sequence[str] | Sequence[float]) -> bytes:
    """Return texts as binary data of BYTES, or numbers as that of FP32."""
    parts: list[bytes] = []
    for each in values:
        if isinstance(each, str):
            encoded = each.encode()
            parts += _LENGTH.pack(len(encoded)), encoded
        else:
            parts.append(_FP32.pack(each))
    return b"".join(parts)


def _checked_shape(tensor: InputTensor, num_values: int, where: str) -> tuple[int, ...]:
    if tensor.shape not in ([num_values], [num_values, 1]):
        raise InvalidFieldError(
            f"{where}.shape",
            f"must be [{num_values}] or [{num_values}, 1], as its data has {num_values} elements",
        )
    return tuple(tensor.shape)


def _from_json(data: list[Any] | None, where: str) -> list[str]:
    """Return the elements; those of the shape [n, 1] may be in lists of their own."""
    if data is None:
        raise InvalidFieldError(f"{where}.data", "is required")
    values: list[str] = []
    for index, each in enumerate(data):
        value = each[0] if isinstance(each, list) and len(each) == 1 else each
        if not isinstance(value, str):
            raise InvalidFieldError(f"{where}.data[{index}]", "must be a string")
        values.append(value)
    return values


def _from_binary(data: bytes, where: str) -> list[str]:
    values: list[str] = []
    offset = 0
    while offset < len(data):
        start = offset + _LENGTH.size
        length = _LENGTH.unpack_from(data, offset)[0] if start <= len(data) else len(data)
        offset = start + length
        if offset > len(data):
            raise InvalidFieldError(where, f"ends within element {len(values)} of its binary data")
        try:
            values.append(data[start:offset].decode())
        except UnicodeDecodeError:
            raise InvalidFieldError(where, f"has element {len(values)} not in UTF-8") from None
    return values
