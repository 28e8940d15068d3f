"""Which files are audio by their names, those that libsndfile reads and those that must be converted; or pictures."""

import os

# What libsndfile 1.2 reads. MP3's layers 1 and 2 are among its MPEG audio.
AUDIO_SUFFIXES = tuple(
    ".wav .flac .ogg .opus .oga .mp3 .sph .aif .aiff .au .w64 .caf "
    ".aifc .avr .bwf .htk .iff .ircam .mat4 .mat5 .mp1 .mp2 .mpga .nist .paf .pvf .rf64 .sd2 .sds .sf .snd .svx .8svx "
    ".voc .wave .wavex .wve".split()
)
AAC_SUFFIXES = (".m4a", ".aac", ".mp4")  # what convert_m4a.sh takes
HEADERLESS_SUFFIXES = tuple(
    ".raw .pcm .vox .gsm .sln .ul .ulaw .mulaw .al .alaw .g722 .g723 .g726 .g729 .adpcm .sw .s16 .lpc".split()
)
OTHER_SUFFIXES = tuple(
    ".3g2 .3gp .3gpp .ac3 .aax .act .amr .ape .asf .avi .awb .dct .dff .dsf .dss .ds2 .dts .dvf .eac3 .evrc "
    ".flv .m2ts .m4b .m4p .m4r .m4v .mka .mkv .mlp .mov .mpc .mpeg .mpg .msv .mts .ogm .ogv .qcp .ra .ram .rm "
    ".rmvb .shn .silk .slk .spx .tak .thd .ts .tta .vob .weba .webm .wma .wmv .wv".split()
)
PICTURE_SUFFIXES = (".bmp", ".gif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
UNREADABLE_SUFFIXES = AAC_SUFFIXES + HEADERLESS_SUFFIXES + OTHER_SUFFIXES
KNOWN = frozenset(AUDIO_SUFFIXES + UNREADABLE_SUFFIXES)
CONVERT = "m4a/aac, which libsndfile cannot read: convert it with recipes/VoxCeleb/SSL_CADINO/convert_m4a.sh"


def suffix_of(path: str) -> str:
    """The suffix of a path, lower-case, such as ".wav"; '' without one.

    Example
    -------
    >>> suffix_of("a/b.c/1.WAV"), suffix_of("a.b/1")
    ('.wav', '')
    """
    return os.path.splitext(path)[1].strip().lower()


def why_unreadable(path: str) -> str | None:
    """The reason why a file of that name must be converted, or None if it may be tried.

    Example
    -------
    >>> why_unreadable("a.wma")
    '.wma, which libsndfile cannot read: convert it to flac or wav, for instance with ffmpeg'
    """
    suffix = suffix_of(path)
    if suffix in AAC_SUFFIXES:
        return CONVERT
    if suffix in HEADERLESS_SUFFIXES:
        return f"{suffix}, which has no header that tells its rate: convert it to flac or wav, for instance with sox"
    if suffix in OTHER_SUFFIXES:
        return f"{suffix}, which libsndfile cannot read: convert it to flac or wav, for instance with ffmpeg"
    return None


def without_suffix(path: str) -> str:
    """A path without the suffixes of audio at its end; other dots belong to the name.

    Example
    -------
    >>> without_suffix("a/1.wav.FLAC"), without_suffix("a/speaker.01")
    ('a/1', 'a/speaker.01')
    """
    stem, dot, suffix = path.rpartition(".")
    while dot and f".{suffix.strip().lower()}" in KNOWN and stem and not stem.endswith("/"):
        path = stem
        stem, dot, suffix = path.rpartition(".")
    return path
