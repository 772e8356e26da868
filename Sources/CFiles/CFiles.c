#define _GNU_SOURCE
#include "CFiles.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/// The path may lead to another file by now than the one that is open.
static int open_same(const char *path, int descriptor) {
  int direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC | O_NOFOLLOW);
  if (direct < 0) return -1;
  struct stat one, other;
  if (fstat(direct, &one) == 0 && fstat(descriptor, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino)
    return direct;
  close(direct);
  return -1;
}

int sluice_open_past_cache(const char *path, int descriptor) {
  struct statfs status;
  if (fstatfs(descriptor, &status) != 0) return -1;
  switch ((unsigned long)status.f_type) {
  case EXT4_SUPER_MAGIC:
  case XFS_SUPER_MAGIC:
  case F2FS_SUPER_MAGIC:
    return open_same(path, descriptor);
  default:
    return -1;
  }
}

int sluice_maps_owners(int descriptor) {
  struct statfs status;
  if (fstatfs(descriptor, &status) != 0) return 0;
  switch ((unsigned long)status.f_type) {
  case NFS_SUPER_MAGIC:
  case SMB_SUPER_MAGIC:
  case CIFS_SUPER_MAGIC:
  case SMB2_SUPER_MAGIC:
  case V9FS_MAGIC:
  case FUSE_SUPER_MAGIC:
  case MSDOS_SUPER_MAGIC:
    return 1;
  default:
    return 0;
  }
}
