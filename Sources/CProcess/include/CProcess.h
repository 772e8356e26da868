#ifndef SLUICE_CPROCESS_H
#define SLUICE_CPROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The program and the state that a child process starts with. Descriptors of -1 are the parent's own.
struct sluice_spawn {
  /// The program; looked for on the PATH where it has no slash.
  const char *program;
  char *const *arguments;
  char *const *environment;
  const char *folder;
  int input, output, error;
  /// Becomes descriptor 3, where it is not -1.
  int link;
  /// RLIMIT_DATA in bytes; 0 for none.
  int64_t memory;
};

/// Starts a child in a process group of its own, that is killed when the calling thread ends: that thread must live as
/// long as the child (prctl(2), PR_SET_PDEATHSIG). All other descriptors are closed in it, signals are as usual.
/// Returns 0, or the errno of what failed, exec included.
int sluice_spawn(const struct sluice_spawn *wanted, pid_t *pid);

/// pipe2(2) with O_CLOEXEC, eventfd(2) with that and EFD_NONBLOCK, and memfd_create(2) with MFD_CLOEXEC: calls that Swift's view of
/// the C library lacks.
int sluice_pipe(int ends[2]);
int sluice_eventfd(void);
int sluice_memory_file(void);

/// Whether `text` is among `bytes`: memmem(3).
int sluice_contains(const void *bytes, size_t count, const void *text, size_t length);

/// Words of a file that several processes have mapped: read and written whole, in no order.
static inline int64_t sluice_load(const int64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
static inline void sluice_store(int64_t *word, int64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }
static inline void sluice_add(int64_t *word, int64_t value) { __atomic_fetch_add(word, value, __ATOMIC_RELAXED); }

/// Where the present thread is, for a crash that happens in it: 0 for nowhere.
void sluice_set_row(int64_t row);

/// From here on a signal that ends the process is written down first: its number and the thread's place into the words,
/// where they are still 0, and a backtrace to the descriptor. Then the process ends by that signal as it would have.
void sluice_note_crashes(int64_t *signal_word, int64_t *row_word, int backtrace);

/// Lets the allocator keep what is freed for what comes next: buffers of a megabyte come and go, and each time they were
/// given back to the system and taken anew their pages would be cleared again. Two arenas do for all threads.
void sluice_keep_memory(void);

/// Sends a datagram to a socket of the file system, or to an abstract one where the name begins with @.
void sluice_notify(const char *socket_name, const char *text);

/// Limits the bytes that this process may allocate from now on (RLIMIT_DATA).
void sluice_limit_memory(int64_t bytes);

#endif
