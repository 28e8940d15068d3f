"""MP3 files whose length no header gives: libsndfile estimates it from the first frame, and reads no further."""

import io
import os
import threading
from pathlib import Path

import soundfile

HEAD_BYTES = 4096  # the tag is in the first frame, of at most 1441 bytes
SPARE_BYTES = 8192  # by how much a tag's number of bytes may be off: what encoders leave behind the last frame
BLOCK = 2**16


def tells_its_length(path: str | Path) -> bool:
    """Whether an MP3's first frame says how many frames follow (Xing's tag), and the file is about that long.

    Without it the length is an estimate that variable rates prove wrong; with another file behind the first one, or a
    tag that was copied with a part, it is the length of that part.

    Arguments
    ---------
    path : str or Path

    Returns
    -------
    bool
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = _size_of_id3(file.read(10))
        file.seek(first)
        head = file.read(HEAD_BYTES)
        if size > first + HEAD_BYTES:
            file.seek(-160, os.SEEK_END)
            size -= _size_of_tags_behind(file.read())
    place = _place_of_tag(head)
    if place is None:
        return False
    flags = int.from_bytes(head[place + 4 : place + 8], "big")
    if flags & 3 != 3:  # the numbers of frames and of bytes
        return False
    stated = int.from_bytes(head[place + 12 : place + 16], "big")
    return size - first - stated <= SPARE_BYTES


def decoded(path: str | Path) -> soundfile.SoundFile:
    """Decode an MP3 to its end, whatever its header says, and give it as an open file of float samples.

    Arguments
    ---------
    path : str or Path

    Returns
    -------
    soundfile.SoundFile
        All of the audio, at the file's own rate and channels; in memory.
    """
    with open(path, "rb") as file:
        data = file.read()
    place = _place_of_tag(data[_size_of_id3(data) :][:HEAD_BYTES])
    if place is not None:
        place += _size_of_id3(data)
        data = data[:place] + bytes(4) + data[place + 4 :]  # a tag with a wrong length is decoded as a silent frame
    reading, writing = os.pipe()  # a pipe has no length to estimate from, so that libsndfile reads what comes
    feeder = threading.Thread(target=_feed, args=(writing, data), daemon=True)
    feeder.start()
    memory = io.BytesIO()
    try:
        with soundfile.SoundFile(reading, closefd=False) as source:
            format_ = dict(format="W64", subtype="FLOAT")
            with soundfile.SoundFile(memory, "w", source.samplerate, source.channels, **format_) as target:
                while len(block := source.read(BLOCK, dtype="float32", always_2d=True)):
                    target.write(block)
    finally:
        os.close(reading)
        feeder.join()
    memory.seek(0)
    return soundfile.SoundFile(memory)


def _feed(pipe, data):
    try:
        with os.fdopen(pipe, "wb") as file:
            file.write(data)
    except BrokenPipeError:  # the decoder had enough
        pass


def _place_of_tag(head):
    places = [place for place in map(head.find, (b"Xing", b"Info")) if place >= 0]
    return min(places, default=None)


def _size_of_id3(head):
    """Bytes of an ID3v2 tag at a file's begin, which may hold a picture."""
    if head[:3] != b"ID3":
        return 0
    return 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0)))


def _size_of_tags_behind(tail):
    """Bytes of an ID3v1 tag, and of an APE tag before it, at a file's end."""
    id3 = 128 if tail[-128:].startswith(b"TAG") else 0
    footer = tail[len(tail) - id3 - 32 : len(tail) - id3]
    return id3 + (int.from_bytes(footer[12:16], "little") + 32 if footer.startswith(b"APETAGEX") else 0)
