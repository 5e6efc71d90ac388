"""Values and function calls between two processes that share nothing but a socket.

The grader's side reads with torch's restricted unpickler, so what a submission sends can only become numbers, texts,
tensors, containers and networks made of standard layers: never code that runs on the grader's side. A function is
sent as a number; calling what arrives runs the function where it was written.
"""

import io
import numbers
import pickle
import socket
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from segbook import models
from segbook.checks import core

LARGEST = 1 << 28  # bytes of one message
PLAIN = (bool, int, float, str, bytes, type(None))


class Unsendable(Exception):
    """A value that has no form on the wire."""


class Peer:
    """One end of the connection.

    Args:
        trusted: whether the other end may send anything that pickle reads; True only in a submission's process.
        seconds: limit for each call that the other end makes here; None sets no limit.
    """

    def __init__(self, connection: socket.socket, trusted: bool, seconds: float | None = None):
        self.connection, self.trusted, self.seconds = connection, trusted, seconds
        self.waiting = False  # for the result of a call
        self.functions: list[Callable] = []  # that the other end may call
        self.classes = [] if trusted else standard_layers()

    def send(self, *message: Any) -> None:
        """Raises Unsendable, before anything is sent."""
        buffer = io.BytesIO()
        try:
            torch.save(self._pack(message), buffer)
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError, RecursionError) as error:
            raise Unsendable(str(error)) from error
        if buffer.tell() > LARGEST:
            raise Unsendable(f"{buffer.tell()} bytes are more than the {LARGEST} of the largest message")
        self.connection.sendall(struct.pack("!Q", buffer.tell()) + buffer.getvalue())

    def receive(self) -> tuple:
        """The next message.

        Raises:
            EOFError: the other end has gone. ValueError: it sent no message. Unsendable: a message that may not be
            read here; the next one can be received.
        """
        (length,) = struct.unpack("!Q", self._read(8))
        if length > LARGEST:
            raise ValueError("no message of the protocol")
        data = io.BytesIO(self._read(length))
        try:
            with torch.serialization.safe_globals(self.classes):
                message = self._unpack(torch.load(data, map_location="cpu", weights_only=not self.trusted))
        except Exception as error:  # whatever a forged message breaks in torch's reader
            raise Unsendable(f"{type(error).__name__}: {error}") from error
        if type(message) is not tuple or not message or type(message[0]) is not str:
            raise ValueError("no message of the protocol")
        return message

    def _read(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            part = self.connection.recv(min(length - len(parts), 1 << 20))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def wait_for(self, *kinds: str) -> tuple:
        """The next message of these kinds; until it comes, calls from the other end are served."""
        while True:
            message = self.receive()
            if message[0] in kinds:
                return message
            if message[0] != "call":
                raise ValueError(f"no message of the protocol: {message[0][:20]!r}")
            self._serve(*message[1:])

    def _serve(self, index: int, arguments: tuple, named: dict) -> None:
        try:
            if self.seconds is None:
                result = self.functions[index](*arguments, **named)
            else:
                with core.time_limit(self.seconds):
                    result = self.functions[index](*arguments, **named)
            self.send("value", result, arguments)
        except core.OutOfTime:
            if self.seconds is None:  # the alarm is not for this call but for the check around it
                raise
            self.send("late")
        except Exception as error:
            self.send("error", type(error).__name__, str(error)[:1000])

    def _function(self, index: int, name: str) -> Callable:
        """A function that lives at the other end."""

        def remote(*arguments: Any, **named: Any) -> Any:
            self.send("call", index, arguments, named)
            self.waiting = True
            kind, *rest = self.wait_for("value", "late", "error")
            self.waiting = False
            if kind == "late":
                raise core.OutOfTime
            if kind == "error":
                raise type(str(rest[0])[:100], (Exception,), {})(str(rest[1]))
            result, after = rest
            _restore(arguments, after)
            return result

        remote.__name__ = name
        return remote

    def _pack(self, value: Any) -> Any:
        """A value as scalars and pairs (kind, content); raises Unsendable."""
        if type(value) in PLAIN:
            return value
        if value is ...:
            return ("open", None)
        if isinstance(value, torch.Tensor):
            return ("tensor", (value.detach().cpu().clone(memory_format=torch.contiguous_format), value.requires_grad))
        if isinstance(value, np.ndarray):
            return ("array", torch.from_numpy(np.ascontiguousarray(value)).reshape(value.shape))
        if isinstance(value, np.bool_ | np.integer | np.floating):
            return value.item()
        if isinstance(value, numbers.Real):
            return float(value)
        if isinstance(value, list | range):
            return ("list", [self._pack(one) for one in value])
        if isinstance(value, tuple):
            return ("tuple", [self._pack(one) for one in value])
        if isinstance(value, set | frozenset):
            return ("set", [self._pack(one) for one in value])
        if isinstance(value, dict):
            return ("dict", [(self._pack(key), self._pack(one)) for key, one in value.items()])
        if isinstance(value, nn.Module):
            return ("module", value)
        if callable(value) and not isinstance(value, type):
            self.functions.append(value)
            return ("function", (len(self.functions) - 1, getattr(value, "__name__", "function")))
        raise Unsendable(f"a {type(value).__name__} cannot be sent")

    def _unpack(self, packed: Any) -> Any:
        if type(packed) in PLAIN:
            return packed
        kind, content = packed
        if kind == "open":
            return ...
        if kind == "tensor":
            return content[0].requires_grad_(bool(content[1]))
        if kind == "array":
            return content.numpy()
        if kind == "dict":
            return {self._unpack(key): self._unpack(one) for key, one in content}
        if kind == "module" and isinstance(content, nn.Module):
            return content
        if kind == "function":
            return self._function(int(content[0]), str(content[1]))
        return {"list": list, "tuple": tuple, "set": set}[kind](self._unpack(one) for one in content)


def _restore(arguments: Any, after: Any) -> None:
    """Change arguments in place as the other end changed its copies."""
    for old, new in zip(arguments, after):
        if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
            old.data = new.data.to(old.device)
        elif isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and old.shape == new.shape:
            old[...] = new
        elif isinstance(old, list) and isinstance(new, list):
            old[:] = new
        elif isinstance(old, dict) and isinstance(new, dict):
            old.clear()
            old.update(new)
        elif isinstance(old, nn.Module) and isinstance(new, nn.Module):
            vars(old).update(vars(new))
        elif isinstance(old, tuple) and isinstance(new, tuple):
            _restore(old, new)


def standard_layers() -> list[type]:
    """Classes that a network from a submission may be made of: torch's layers and this package's."""
    waiting, found = [nn.Module], {set}
    while waiting:
        for one in waiting.pop().__subclasses__():
            waiting.append(one)
            if one.__module__.startswith(("torch.nn.modules.", f"{models.__name__}.", "segbook.bilinear")):
                found.add(one)
    return list(found)
