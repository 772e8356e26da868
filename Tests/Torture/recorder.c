// Put under a process by LD_PRELOAD: writes down every change of the files below RECORDER_ROOT into RECORDER_LOG, in one order.
// Calls are serialised, so that the order is the one that they happened in. power.py reads the log.
//
// A log entry: op (1 byte), inode (8), offset (8), length (4), then `length` bytes: data, or a path, or two with a zero between.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_descriptor = -1;
static char root[PATH_MAX];

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static ssize_t plain_write(int fd, const void *data, size_t count) {
  REAL(write);
  return real(fd, data, count);
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("RECORDER_LOG"), *below = getenv("RECORDER_ROOT");
  if (!path || !below) return;
  snprintf(root, sizeof root, "%s", below);
  log_descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void put(char op, uint64_t inode, int64_t offset, const void *data, uint32_t length) {
  char head[21];
  head[0] = op;
  memcpy(head + 1, &inode, 8);
  memcpy(head + 9, &offset, 8);
  memcpy(head + 17, &length, 4);
  char *entry = malloc(sizeof head + length);
  memcpy(entry, head, sizeof head);
  memcpy(entry + sizeof head, data, length);
  if (plain_write(log_descriptor, entry, sizeof head + length) < 0) abort();
  free(entry);
}

static int is_ours(const char *path) { return log_descriptor >= 0 && strncmp(path, root, strlen(root)) == 0; }

/// The absolute form of a path; the file itself need not be there.
static void absolute(const char *path, char *out) {
  if (path[0] == '/') {
    snprintf(out, PATH_MAX, "%s", path);
  } else {
    char here[PATH_MAX / 2];
    snprintf(out, PATH_MAX, "%s/%.2000s", getcwd(here, sizeof here) ? here : "", path);
  }
}

/// The path of an open file, and whether it is one of ours.
static int of_descriptor(int fd, char *path, struct stat *status) {
  if (log_descriptor < 0 || fd == log_descriptor) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return is_ours(path) && fstat(fd, status) == 0;
}

static int open_any(const char *name, int flags, mode_t mode, int (*real)(const char *, int, ...)) {
  if (log_descriptor < 0 || !(flags & (O_CREAT | O_TRUNC))) return real(name, flags, mode);
  char path[PATH_MAX];
  absolute(name, path);
  if (!is_ours(path)) return real(name, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat before, after;
  int was_there = stat(path, &before) == 0;
  int fd = real(name, flags, mode);
  int code = errno;
  if (fd >= 0 && fstat(fd, &after) == 0 && S_ISREG(after.st_mode)) {
    if (!was_there) put('c', after.st_ino, 0, path, strlen(path));
    else if (flags & O_TRUNC) put('t', after.st_ino, 0, "", 0);
  }
  pthread_mutex_unlock(&lock);
  errno = code;
  return fd;
}

#define OPEN(call) \
  int call(const char *name, int flags, ...) { \
    va_list list; \
    va_start(list, flags); \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
    va_end(list); \
    REAL(call); \
    return open_any(name, flags, mode, real); \
  }
OPEN(open)
OPEN(open64)

static ssize_t write_any(int fd, const void *data, size_t count, int64_t at, ssize_t (*real)(int, const void *, size_t, off64_t)) {
  char path[PATH_MAX];
  struct stat status;
  if (!of_descriptor(fd, path, &status) || !S_ISREG(status.st_mode))
    return real ? real(fd, data, count, at) : plain_write(fd, data, count);
  pthread_mutex_lock(&lock);
  if (!real) {
    fstat(fd, &status);
    at = fcntl(fd, F_GETFL) & O_APPEND ? status.st_size : lseek(fd, 0, SEEK_CUR);
  }
  ssize_t n = real ? real(fd, data, count, at) : plain_write(fd, data, count);
  int code = errno;
  if (n > 0) put('w', status.st_ino, at, data, n);
  pthread_mutex_unlock(&lock);
  errno = code;
  return n;
}

ssize_t write(int fd, const void *data, size_t count) { return write_any(fd, data, count, 0, NULL); }

ssize_t pwrite(int fd, const void *data, size_t count, off_t at) {
  REAL(pwrite);
  return write_any(fd, data, count, at, (ssize_t (*)(int, const void *, size_t, off64_t))real);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) {
  REAL(pwrite64);
  return write_any(fd, data, count, at, real);
}

static int truncate_any(int fd, off64_t length, int (*real)(int, off64_t)) {
  char path[PATH_MAX];
  struct stat status;
  if (!of_descriptor(fd, path, &status)) return real(fd, length);
  pthread_mutex_lock(&lock);
  int result = real(fd, length);
  int code = errno;
  if (result == 0) put('t', status.st_ino, length, "", 0);
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}

int ftruncate(int fd, off_t length) {
  REAL(ftruncate);
  return truncate_any(fd, length, (int (*)(int, off64_t))real);
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  return truncate_any(fd, length, real);
}

static int sync_any(int fd, int (*real)(int)) {
  char path[PATH_MAX];
  struct stat status;
  if (!of_descriptor(fd, path, &status)) return real(fd);
  pthread_mutex_lock(&lock);
  int result = real(fd);
  int code = errno;
  if (result == 0) put(S_ISDIR(status.st_mode) ? 'D' : 's', status.st_ino, 0, path, strlen(path));
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}

int fsync(int fd) {
  REAL(fsync);
  return sync_any(fd, real);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_any(fd, real);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  char both[2 * PATH_MAX];
  absolute(from, both);
  size_t length = strlen(both);
  absolute(to, both + length + 1);
  if (!is_ours(both + length + 1)) return real(from, to);
  pthread_mutex_lock(&lock);
  int result = real(from, to);
  int code = errno;
  if (result == 0) put('r', 0, 0, both, length + 1 + strlen(both + length + 1));
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}

static int path_call(const char *name, char op, int (*real)(const char *, mode_t), mode_t mode) {
  char path[PATH_MAX];
  absolute(name, path);
  if (!is_ours(path)) return real(name, mode);
  pthread_mutex_lock(&lock);
  int result = real(name, mode);
  int code = errno;
  if (result == 0) put(op, 0, 0, path, strlen(path));
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}

int unlink(const char *name) {
  REAL(unlink);
  return path_call(name, 'u', (int (*)(const char *, mode_t))real, 0);
}

int mkdir(const char *name, mode_t mode) {
  REAL(mkdir);
  return path_call(name, 'm', real, mode);
}
