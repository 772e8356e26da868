#ifndef SLUICE_CFILES_H
#define SLUICE_CFILES_H

/// Opens a file for writing past the page cache (open(2), O_DIRECT), where its file system is one of a local disk that is
/// known to do it well: ext2 to ext4, XFS, F2FS.
///
/// `descriptor` is the same file, open. Returns -1 where that can't be.
int sluice_open_past_cache(const char *path, int descriptor);

/// Whether the file system of an open file says of its own accord who owns a file: those of other machines, FAT, FUSE.
int sluice_maps_owners(int descriptor);

#endif
