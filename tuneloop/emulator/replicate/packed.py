"""The archive in which a training hands out its weights.

Sources: the trainers' public repositories. FLUX: a plain tar of the job's folder. Qwen: a deflated zip, the
weights first. The files of a tar come in the order of the file system: here, the weights last.
"""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Literal

from tuneloop.emulator import weights

_CHUNK = 1 << 20
_FOLDER = "output/flux_train_replicate"


def chunks(kind: Literal["tar", "zip"], mark: str, size: int, metadata: dict[str, str]) -> Iterator[bytes]:
    """Yield the archive piece by piece; `size` is that of the weights in it."""
    with TemporaryFile() as lora, TemporaryFile() as packed:
        for piece in weights.chunks(mark, size, metadata):
            lora.write(piece)
        lora.seek(0)
        settings = "".join(f"{name}: {value}\n" for name, value in metadata.items()).encode()
        if kind == "tar":
            _write_tar(packed, lora, settings)
        else:
            _write_zip(packed, lora, settings)
        packed.seek(0)
        while chunk := packed.read(_CHUNK):
            yield chunk


def _write_tar(packed: IO[bytes], lora: IO[bytes], settings: bytes) -> None:
    others = {"config.yaml": io.BytesIO(settings), "captions/1.txt": io.BytesIO(b"a caption")}
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in (_FOLDER, f"{_FOLDER}/captions"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, file in (*others.items(), ("lora.safetensors", lora)):
            entry = tarfile.TarInfo(f"{_FOLDER}/{name}")
            entry.size = file.seek(0, io.SEEK_END)
            file.seek(0)
            tar.addfile(entry, file)


def _write_zip(packed: IO[bytes], lora: IO[bytes], settings: bytes) -> None:
    files = {"lora.safetensors": lora, "settings.txt": io.BytesIO(settings), "config.yaml": io.BytesIO(settings)}
    with zipfile.ZipFile(packed, "w") as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as member:
                while chunk := file.read(_CHUNK):
                    member.write(chunk)
