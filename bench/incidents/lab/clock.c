/* One scaled clock for every process of a lab machine.
 *
 * Preloaded (through /etc/ld.so.preload) into all of them, it answers
 *     wall = wall_start + (real - real_start) * factor
 * and scales monotonic clocks alike; waits shrink by the same factor, so an hour passes in hour/factor and the
 * order and distance of effects stay right.  The four numbers lie in a shared page, /run/clock: whoever rewrites
 * wall_start moves every wall clock at once and no monotonic one, which is what a suspended machine does.
 * CLOCK_SKEW=seconds in a process's environment moves only that process's wall clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct clock_page {
  double real_start, wall_start, mono_start, factor;
};

static const struct clock_page real_time = {0, 0, 0, 1};
static const volatile struct clock_page *page;
static double skew;

static const volatile struct clock_page *clocks(void) {
  if (page) return page;
  const char *own_skew = getenv("CLOCK_SKEW");
  if (own_skew) skew = atof(own_skew);
  int file = open("/run/clock", O_RDONLY | O_CLOEXEC);
  if (file < 0) return &real_time; /* not booted yet: ask again next time */
  void *mapped = mmap(NULL, sizeof real_time, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return page = mapped == MAP_FAILED ? &real_time : mapped;
}

static long double seconds(const struct timespec *t) { return t->tv_sec + t->tv_nsec / 1e9L; }

static struct timespec timespec_of(long double value) {
  if (value < 0) value = 0;
  long double whole = floorl(value);
  long nanoseconds = (long)((value - whole) * 1e9L);
  return (struct timespec){(time_t)whole, nanoseconds > 999999999 ? 999999999 : nanoseconds};
}

static int is_wall(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE; }
static int is_monotonic(clockid_t id) {
  return id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW || id == CLOCK_BOOTTIME;
}

static struct timespec shrunk(const struct timespec *wait) { return timespec_of(seconds(wait) / clocks()->factor); }

/* A moment on the scaled clock as the kernel's own. */
static struct timespec real_moment(const struct timespec *moment, int wall) {
  const volatile struct clock_page *c = clocks();
  long double from = wall ? c->wall_start + skew : c->mono_start, to = wall ? c->real_start : c->mono_start;
  return timespec_of((seconds(moment) - from) / c->factor + to);
}

/* ---- reading clocks */
int clock_gettime(clockid_t id, struct timespec *out) {
  if (syscall(SYS_clock_gettime, id, out)) return -1;
  const volatile struct clock_page *c = clocks();
  if (c == &real_time) return 0;
  if (is_wall(id)) *out = timespec_of((seconds(out) - c->real_start) * c->factor + c->wall_start + skew);
  else if (is_monotonic(id)) *out = timespec_of((seconds(out) - c->mono_start) * c->factor + c->mono_start);
  return 0;
}

int gettimeofday(struct timeval *out, void *zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/* ---- sleeping */
int clock_nanosleep(clockid_t id, int flags, const struct timespec *wanted, struct timespec *left) {
  struct timespec wait = flags & TIMER_ABSTIME ? real_moment(wanted, is_wall(id)) : shrunk(wanted), rest = {0, 0};
  if (!syscall(SYS_clock_nanosleep, id, flags, &wait, &rest)) return 0;
  if (errno == EINTR && left) *left = timespec_of(seconds(&rest) * clocks()->factor);
  return errno;
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
  int failure = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);
  return failure ? (errno = failure, -1) : 0;
}

int usleep(useconds_t microseconds) {
  struct timespec wait = {microseconds / 1000000, microseconds % 1000000 * 1000L};
  return nanosleep(&wait, NULL);
}

unsigned sleep(unsigned wanted) {
  struct timespec wait = {wanted, 0}, left = {0, 0};
  return nanosleep(&wait, &left) ? (unsigned)lroundl(seconds(&left)) : 0;
}

/* ---- waiting for descriptors */
static int shrunk_ms(int milliseconds) {
  return milliseconds <= 0 ? milliseconds : (int)ceil(milliseconds / clocks()->factor);
}

int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask) {
  return syscall(SYS_epoll_pwait, epoll, events, count, shrunk_ms(timeout), mask, 8);
}
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
  return epoll_pwait(epoll, events, count, timeout, NULL);
}
int poll(struct pollfd *descriptors, nfds_t count, int timeout) {
  return syscall(SYS_poll, descriptors, count, shrunk_ms(timeout));
}
int __poll_chk(struct pollfd *descriptors, nfds_t count, int timeout, size_t length) {
  (void)length;
  return poll(descriptors, count, timeout);
}
int ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
  struct timespec wait;
  if (timeout) wait = shrunk(timeout);
  return syscall(SYS_ppoll, descriptors, count, timeout ? &wait : NULL, mask, 8);
}
int pselect(int count, fd_set *in, fd_set *out, fd_set *error, const struct timespec *timeout, const sigset_t *mask) {
  struct timespec wait;
  if (timeout) wait = shrunk(timeout);
  struct {
    const sigset_t *mask;
    size_t size;
  } argument = {mask, 8};
  return syscall(SYS_pselect6, count, in, out, error, timeout ? &wait : NULL, &argument);
}
int select(int count, fd_set *in, fd_set *out, fd_set *error, struct timeval *timeout) {
  struct timespec wait;
  if (timeout) wait = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
  return pselect(count, in, out, error, timeout ? &wait : NULL, NULL);
}

/* ---- waiting for other threads: the deadline's size tells which clock it is on */
static struct timespec real_deadline(const struct timespec *deadline) {
  return real_moment(deadline, deadline->tv_sec > 1000000000);
}
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
  static __typeof__(&pthread_cond_timedwait) next;
  if (!next) next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2"); /* dlsym may give the 2.2.5 one */
  struct timespec real = real_deadline(deadline);
  return next(condition, mutex, &real);
}
int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t id, const struct timespec *deadline) {
  struct timespec real = real_deadline(deadline);
  return NEXT(pthread_cond_clockwait)(condition, mutex, id, &real);
}
int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
  struct timespec real = real_deadline(deadline);
  return NEXT(sem_timedwait)(semaphore, &real);
}
int sem_clockwait(sem_t *semaphore, clockid_t id, const struct timespec *deadline) {
  struct timespec real = real_deadline(deadline);
  return NEXT(sem_clockwait)(semaphore, id, &real);
}

/* ---- alarms */
static struct timeval shrunk_timeval(struct timeval wait) {
  struct timespec real = shrunk(&(struct timespec){wait.tv_sec, wait.tv_usec * 1000});
  return (struct timeval){real.tv_sec, real.tv_nsec / 1000};
}
int setitimer(__itimer_which_t which, const struct itimerval *wanted, struct itimerval *old) {
  struct itimerval real = {shrunk_timeval(wanted->it_interval), shrunk_timeval(wanted->it_value)};
  return syscall(SYS_setitimer, which, &real, old);
}
unsigned alarm(unsigned wait) {
  struct itimerval wanted = {{0, 0}, {wait, 0}}, old = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &wanted, &old);
  return 0;
}
int timer_settime(timer_t timer, int flags, const struct itimerspec *wanted, struct itimerspec *old) {
  struct itimerspec real = *wanted;
  if (!(flags & TIMER_ABSTIME)) real = (struct itimerspec){shrunk(&wanted->it_interval), shrunk(&wanted->it_value)};
  return NEXT(timer_settime)(timer, flags, &real, old);
}
