"""Arrays out of pickles that data sets come in, without executing anything: whatever else a pickle names is refused."""

import pickle
from typing import IO, Any

import numpy as np

from pipeline.data.raw import DataError

# Under the names of the NumPy that wrote them and of today's; the codec is how Python 2's bytes are written.
ALLOWED = {("numpy", "dtype"), ("numpy", "ndarray"), ("_codecs", "encode")} | {
    (f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")
}


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise DataError(f"the pickle names {module}.{name}, which is no array; it is not opened")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load(file: IO[bytes], encoding: str = "ASCII") -> Any:
    """Containers, numbers, texts and arrays of a pickle; DataError where it is broken or holds anything else."""
    try:
        return _Arrays(file, encoding=encoding).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError) as error:
        raise DataError(f"no readable pickle: {error}") from error


def load_npy(file: IO[bytes]) -> Any:
    """The one object of an `.npy` file that was saved with pickling."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read(file)
    if shape or dtype.kind != "O":
        raise DataError(f"expected one pickled object, found an array of {dtype} of shape {shape}")
    return load(file).item()
