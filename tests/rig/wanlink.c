/* wanlink: a wide-area link between two network namespaces, for kernels without sch_netem.
 *
 *   wanlink NETNS_A DEVICE_A NETNS_B DEVICE_B DELAY_MS RATE_MBIT QUEUE_MS
 *
 * Makes one TUN device in each namespace ("-" is our own) and carries packets between
 * them: each waits its turn at RATE_MBIT, then DELAY_MS more. A packet that would wait
 * longer than QUEUE_MS for its turn is dropped, as a router drops it. SIGUSR1 cuts the
 * link, SIGUSR2 restores it. Addresses and routes are the caller's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PACKET = 65536, SLOTS = 8192, BURST = 128 };

struct packet {
    uint64_t due; /* ns: when it comes out */
    int length;
    unsigned char *bytes;
};

struct way {
    int from, to;
    struct packet line[SLOTS];
    unsigned written, read;
    uint64_t busy_until; /* ns: when the wire is free again */
};

static struct way ways[2];
static volatile sig_atomic_t cut;

static void on_signal(int number) { cut = number == SIGUSR1; }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int tun_in(const char *namespace, const char *device) {
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0) fail("/proc/self/ns/net");
    if (strcmp(namespace, "-") != 0) {
        int there = open(namespace, O_RDONLY | O_CLOEXEC);
        if (there < 0 || setns(there, CLONE_NEWNET) != 0) fail(namespace);
        close(there);
    }
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) fail(device);
    if (setns(home, CLONE_NEWNET) != 0) fail("setns");
    close(home);
    return tun;
}

static void deliver(struct way *way, uint64_t now) {
    while (way->read != way->written) {
        struct packet *first = &way->line[way->read % SLOTS];
        if (first->due > now) return;
        if (write(way->to, first->bytes, (size_t)first->length) < 0 && errno == EAGAIN) return;
        free(first->bytes);
        way->read++;
    }
}

static void accept_packets(struct way *way, double ns_per_byte, uint64_t delay, uint64_t queue) {
    static unsigned char buffer[PACKET];
    for (int i = 0; i < BURST; i++) {
        ssize_t length = read(way->from, buffer, sizeof buffer);
        if (length <= 0) return;
        uint64_t now = now_ns();
        if (way->busy_until < now) way->busy_until = now;
        if (cut || way->busy_until - now > queue || way->written - way->read >= SLOTS) continue;
        struct packet *slot = &way->line[way->written % SLOTS];
        if ((slot->bytes = malloc((size_t)length)) == NULL) continue;
        memcpy(slot->bytes, buffer, (size_t)length);
        way->busy_until += (uint64_t)((double)length * ns_per_byte);
        slot->length = (int)length;
        slot->due = way->busy_until + delay;
        way->written++;
    }
}

static void set_alarm(int timer, uint64_t now) {
    uint64_t next = 0;
    for (int i = 0; i < 2; i++) {
        if (ways[i].read == ways[i].written) continue;
        uint64_t due = ways[i].line[ways[i].read % SLOTS].due;
        if (due <= now) due = now + 100000; /* the device was full: try again soon */
        if (next == 0 || due < next) next = due;
    }
    struct itimerspec alarm = {.it_value = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &alarm, NULL);
}

int main(int count, char **word) {
    if (count != 8) {
        fprintf(stderr, "usage: wanlink NETNS_A DEV_A NETNS_B DEV_B DELAY_MS RATE_MBIT QUEUE_MS\n");
        return 2;
    }
    uint64_t delay = (uint64_t)(atof(word[5]) * 1e6), queue = (uint64_t)(atof(word[7]) * 1e6);
    double ns_per_byte = 8e3 / atof(word[6]);
    int a = tun_in(word[1], word[2]), b = tun_in(word[3], word[4]);
    ways[0].from = ways[1].to = a;
    ways[0].to = ways[1].from = b;
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0) fail("timerfd");
    struct pollfd wait[3] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {timer, POLLIN, 0}};
    for (;;) {
        uint64_t now = now_ns(), ticks;
        deliver(&ways[0], now);
        deliver(&ways[1], now);
        set_alarm(timer, now);
        if (poll(wait, 3, -1) < 0) {
            if (errno == EINTR) continue;
            fail("poll");
        }
        if (wait[2].revents && read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) fail("timer");
        if ((wait[0].revents | wait[1].revents) & (POLLERR | POLLHUP | POLLNVAL)) return 0;
        accept_packets(&ways[0], ns_per_byte, delay, queue);
        accept_packets(&ways[1], ns_per_byte, delay, queue);
    }
}
