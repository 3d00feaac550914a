"""Suffixes of files that are data, in lower case: what readers look at before they open anything."""

from __future__ import annotations

PICTURES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".j2c",
})  # fmt: skip
SOUNDS = frozenset({
    ".wav", ".wave", ".w64", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".aif", ".aiff", ".aifc",
})  # fmt: skip
VIDEOS = frozenset({
    ".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ogv", ".3gp", ".3g2", ".wmv", ".asf", ".m2t",
})  # fmt: skip
"""Not `.ts`, which is TypeScript more often than MPEG."""
SCANS = frozenset({".dcm", ".dicom", ".nii", ".nii.gz"})
POINTS = frozenset({".pcd", ".ply"})
ANNOTATIONS = frozenset({".xml", ".json", ".jsonl", ".yaml", ".yml", ".names", ".parquet", ".arrow", ".feather"})
TAGGED_TEXTS = (
    ".txt", ".conll", ".conll03", ".conll2003", ".iob", ".iob2", ".bio", ".bioes", ".ner", ".tsv", ".tags", ".train",
    ".dev", ".valid", ".test", ".testa", ".testb", ".data",
)  # fmt: skip
"""Texts that may have a token and its tag in each line."""
TABLES = frozenset({".csv", ".tsv", ".xlsx", ".xls"})
ARCHIVES = frozenset({
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar", ".zst", ".lz4",
})  # fmt: skip
"""Files that hold others, and compressed files; `.nii.gz` is a suffix of its own."""
NO_DATA = frozenset({
    ".md", ".rst", ".py", ".pyc", ".ipynb", ".sh", ".bat", ".cfg", ".ini", ".toml", ".log", ".cache", ".lock", ".html",
    ".htm", ".css", ".js", ".tmp", ".part", ".bak",
}) | ARCHIVES  # fmt: skip
"""Documents, programs, archives and leftovers."""
DOCUMENTS = frozenset(
    {"readme", "license", "licence", "copying", "changelog", "notice", "citation", "authors", "makefile"}
)
"""Names without suffix, in lower case."""
MEDIA = PICTURES | SOUNDS | VIDEOS | SCANS | POINTS
