#define _GNU_SOURCE
#include "CFiles.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

int sluice_open_past_cache(const char *path, int descriptor) {
  struct statfs status;
  if (fstatfs(descriptor, &status) != 0) return -1;
  switch ((unsigned long)status.f_type) {
  case EXT4_SUPER_MAGIC:
  case XFS_SUPER_MAGIC:
  case F2FS_SUPER_MAGIC:
    return open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
  default:
    return -1;
  }
}
