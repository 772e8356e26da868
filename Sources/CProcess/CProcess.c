#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void become(int descriptor, int number) {
  if (descriptor < 0) return;
  if (descriptor == number) {
    fcntl(number, F_SETFD, 0);
  } else {
    dup2(descriptor, number);
  }
}

// Runs between fork and exec in a process of many threads: only what signal-safety(7) allows.
static void run_child(const struct sluice_spawn *wanted, pid_t parent, int report) {
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above.
  if (getppid() != parent) _exit(127);
  become(wanted->input, 0);
  become(wanted->output, 1);
  become(wanted->error, 2);
  become(wanted->link, 3);
  if (wanted->memory > 0) {
    struct rlimit limit = {(rlim_t)wanted->memory, (rlim_t)wanted->memory};
    setrlimit(RLIMIT_DATA, &limit);
  }
  syscall(SYS_close_range, wanted->link < 0 ? 3 : 4, (unsigned)report - 1, 0);
  syscall(SYS_close_range, (unsigned)report + 1, ~0U, 0);
  if (wanted->folder == NULL || chdir(wanted->folder) == 0) execvpe(wanted->program, wanted->arguments, wanted->environment);
  int code = errno;
  while (write(report, &code, sizeof code) < 0 && errno == EINTR) {}
  _exit(127);
}

int sluice_spawn(const struct sluice_spawn *wanted, pid_t *pid) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  // Above the descriptors that the child's own take the place of.
  int far = fcntl(report[1], F_DUPFD_CLOEXEC, 10);
  close(report[1]);
  if (far < 0) {
    int code = errno;
    close(report[0]);
    return code;
  }
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) run_child(wanted, parent, far);
  int code = child < 0 ? errno : 0;
  close(far);
  if (child > 0) {
    int failure;
    ssize_t count;
    do count = read(report[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    if (count == sizeof failure) code = failure;
  }
  close(report[0]);
  *pid = child;
  return code;
}

static __thread int64_t row;
static int64_t *crash_signal, *crash_row;
static int backtrace_descriptor = -1;

void sluice_set_row(int64_t value) { row = value; }

static void crashed(int number) {
  // The calls below may wait for a lock that this very thread holds.
  signal(SIGALRM, SIG_DFL);
  alarm(5);
  int64_t none = 0;
  if (__atomic_compare_exchange_n(crash_signal, &none, (int64_t)number, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    sluice_store(crash_row, row);
    void *frames[48];
    int count = backtrace(frames, 48);
    if (backtrace_descriptor >= 0) backtrace_symbols_fd(frames, count, backtrace_descriptor);
  }
  signal(number, SIG_DFL);
  raise(number);
}

void sluice_note_crashes(int64_t *signal_word, int64_t *row_word, int backtrace_to) {
  crash_signal = signal_word;
  crash_row = row_word;
  backtrace_descriptor = backtrace_to;
  // The first call loads what it needs; in a handler that would not do.
  void *frame[1];
  backtrace(frame, 1);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = crashed;
  action.sa_flags = SA_NODEFER | SA_ONSTACK;
  const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

void sluice_limit_memory(int64_t bytes) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) != 0) return;
  if (limit.rlim_max == RLIM_INFINITY || (rlim_t)bytes < limit.rlim_max) {
    limit.rlim_cur = (rlim_t)bytes;
    setrlimit(RLIMIT_DATA, &limit);
  }
}

int sluice_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int sluice_memory_file(void) { return memfd_create("sluice", MFD_CLOEXEC); }

int sluice_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int sluice_contains(const void *bytes, size_t count, const void *text, size_t length) {
  return memmem(bytes, count, text, length) != NULL;
}

void sluice_notify(const char *socket_name, const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(socket_name);
  if (length >= sizeof address.sun_path) return;
  memcpy(address.sun_path, socket_name, length);
  if (socket_name[0] == '@') address.sun_path[0] = 0;
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  sendto(descriptor, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
  close(descriptor);
}

void sluice_keep_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_ARENA_MAX, 2);
}
