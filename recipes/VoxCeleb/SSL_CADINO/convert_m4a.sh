#!/usr/bin/env bash
# Convert the m4a and aac files of a folder (VoxCeleb2's dev/aac) to 16 kHz mono flac or wav, in the same sub-folders.
# Stopped and started again it goes on where it was. Needs ffmpeg.
#
#   bash convert_m4a.sh INPUT_FOLDER OUTPUT_FOLDER [flac|wav] [JOBS]
set -euo pipefail

if [ $# -lt 2 ] || [ ! -d "$1" ]; then
    echo "error: give a folder that exists: bash convert_m4a.sh INPUT_FOLDER OUTPUT_FOLDER [flac|wav] [JOBS]" >&2
    exit 2
fi
format=${3:-flac}
if [ "$format" != flac ] && [ "$format" != wav ]; then
    echo "error: the format is flac or wav, not $format" >&2
    exit 2
fi
if ! command -v ffmpeg > /dev/null; then
    echo "error: ffmpeg is not installed; install it with your package manager and start again" >&2
    exit 2
fi

# A path relative to the input folder; written under a temporary name, so that a file under its own is whole.
convert_one() {
    local target="$OUTPUT/${1%.*}.$FORMAT"
    [ -e "$target" ] && return 0
    mkdir -p "$(dirname "$target")"
    local temporary
    temporary="$(dirname "$target")/.$$.$(basename "$target")"
    if ffmpeg -nostdin -v error -y -i "$INPUT/$1" -vn -ac 1 -ar 16000 "$temporary"; then
        mv "$temporary" "$target"
    else
        rm -f "$temporary"
        echo "not converted: $1" >&2
        return 1
    fi
}
export -f convert_one
export INPUT="${1%/}" OUTPUT="${2%/}" FORMAT="$format"

if ! (cd "$INPUT" && find -L . -type f \( -iname '*.m4a' -o -iname '*.aac' \) -printf '%P\0') |
    xargs -0 -r -P "${4:-$(nproc)}" -I{} bash -c 'convert_one "$1"' _ {}; then
    echo "error: some files were not converted, see above; the others are in $OUTPUT" >&2
    exit 1
fi
