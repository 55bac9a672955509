/*
 * The same peers in C on libzmq: what ZeroMQ itself can do here.
 *
 *   libzmq ROLE FORM SIZE COUNT SUBSCRIBERS MARK BATCH ENDPOINT
 *
 * MARK and BATCH are 0 where libzmq's defaults hold. It prints what ./task.ts calls a Result.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define WARM_UP 1000
/* Drafts, which zmq.h may not name. */
#define IN_BATCH_SIZE 101
#define OUT_BATCH_SIZE 102

static void *context;
static const char *role, *form, *endpoint;
static size_t size;
static long count, subscribers;
static int mark, batch;

static unsigned char **bodies;
static uint32_t *sums;
static long variety;

struct meter {
  long messages;
  double bytes, start, end, used;
  uint32_t checksum;
};

static void fail (const char *what)
{
  fprintf (stderr, "%s: %s\n", what, zmq_strerror (errno));
  exit (1);
}

static double now (void)
{
  struct timespec at;
  clock_gettime (CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static double used (void)
{
  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* All bytes, in four lanes, by exclusive or: see ./checksum.ts. */
static uint32_t lanes (const unsigned char *frame, size_t length)
{
  uint32_t sum = 0;
  size_t at = 0;
  for (; at + 4 <= length; at += 4) {
    uint32_t word;
    memcpy (&word, frame + at, 4);
    sum ^= word;
  }
  for (unsigned shift = 0; at < length; at++, shift += 8) sum ^= (uint32_t) frame[at] << shift;
  return sum;
}

static void begin (struct meter *meter)
{
  meter->used = used ();
  meter->start = now ();
}

static void add (struct meter *meter, size_t length, uint32_t sum)
{
  if (meter->messages == 0) begin (meter);
  meter->messages++;
  meter->bytes += length;
  meter->checksum = meter->checksum * 31 + sum;
}

static void done (struct meter *meter, const double *trips)
{
  struct rusage usage;
  double end = meter->end == 0 ? now () : meter->end;
  getrusage (RUSAGE_SELF, &usage);
  printf ("{\"seconds\":%.9f,\"messages\":%ld,\"bytes\":%.0f,\"checksum\":%d,\"cpu\":%.6f,\"memory\":%.0f", end - meter->start,
          meter->messages, meter->bytes, (int32_t) meter->checksum, used () - meter->used, usage.ru_maxrss * 1024.0);
  if (trips) {
    printf (",\"trips\":[");
    for (long i = 0; i < count; i++) printf (i ? ",%.2f" : "%.2f", trips[i]);
    printf ("]");
  }
  printf ("}\n");
  fflush (stdout);
}

/* Until the benchmark closes this process's input: the other side has everything. */
static void released (void)
{
  char ignored[64];
  while (read (0, ignored, sizeof ignored) > 0);
}

static void set (void *socket, int option, int value)
{
  if (zmq_setsockopt (socket, option, &value, sizeof value)) fail ("setsockopt");
}

static void *make (int type)
{
  void *socket = zmq_socket (context, type);
  if (!socket) fail ("socket");
  if (mark) {
    set (socket, ZMQ_SNDHWM, mark);
    set (socket, ZMQ_RCVHWM, mark);
  }
  if (batch) {
    set (socket, IN_BATCH_SIZE, batch);
    set (socket, OUT_BATCH_SIZE, batch);
  }
  return socket;
}

static void unlimited (void *socket)
{
  set (socket, ZMQ_SNDHWM, 0);
  set (socket, ZMQ_RCVHWM, 0);
}

static void listen_ (void *socket)
{
  char bound[256];
  size_t length = sizeof bound;
  if (zmq_bind (socket, "tcp://127.0.0.1:*")) fail ("bind");
  if (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, bound, &length)) fail ("endpoint");
  printf ("{\"endpoint\":\"%s\"}\n", bound);
  fflush (stdout);
}

static void dial (void *socket)
{
  if (zmq_connect (socket, endpoint)) fail ("connect");
}

static void receive (void *socket, struct meter *meter, zmq_msg_t *message)
{
  if (zmq_msg_recv (message, socket, 0) < 0) fail ("receive");
  add (meter, zmq_msg_size (message), lanes (zmq_msg_data (message), zmq_msg_size (message)));
}

static void send_all (void *socket)
{
  struct meter meter = {0};
  for (long i = 0; i < count; i++) {
    if (zmq_send (socket, bodies[i % variety], size, 0) < 0) fail ("send");
    add (&meter, size, sums[i % variety]);
  }
  meter.end = now ();
  released ();
  done (&meter, NULL);
}

static void receive_all (void *socket, struct meter *meter)
{
  zmq_msg_t message;
  zmq_msg_init (&message);
  while (meter->messages < count) receive (socket, meter, &message);
  zmq_msg_close (&message);
}

static void pub (void)
{
  void *socket = make (ZMQ_XPUB);
  zmq_msg_t message;
  set (socket, ZMQ_XPUB_VERBOSE, 1);
  unlimited (socket);
  listen_ (socket);
  zmq_msg_init (&message);
  for (long i = 0; i < subscribers; i++)
    if (zmq_msg_recv (&message, socket, 0) < 0) fail ("subscription");
  send_all (socket);
}

/* All subscribers in this one thread, whichever has something. */
static void sub (void)
{
  zmq_pollitem_t *items = calloc (subscribers, sizeof *items);
  struct meter *meters = calloc (subscribers, sizeof *meters);
  long left = subscribers;
  zmq_msg_t message;
  for (long i = 0; i < subscribers; i++) {
    items[i].socket = make (ZMQ_SUB);
    items[i].events = ZMQ_POLLIN;
    unlimited (items[i].socket);
    if (zmq_setsockopt (items[i].socket, ZMQ_SUBSCRIBE, "", 0)) fail ("subscribe");
    dial (items[i].socket);
  }
  zmq_msg_init (&message);
  if (subscribers == 1) {
    receive_all (items[0].socket, &meters[0]);
    meters[0].end = now ();
  } else
    while (left > 0) {
      if (zmq_poll (items, subscribers, -1) < 0) fail ("poll");
      for (long i = 0; i < subscribers; i++)
        while (items[i].revents && meters[i].messages < count) {
          if (zmq_msg_recv (&message, items[i].socket, ZMQ_DONTWAIT) < 0) break;
          add (&meters[i], zmq_msg_size (&message), lanes (zmq_msg_data (&message), zmq_msg_size (&message)));
          if (meters[i].messages == count) {
            meters[i].end = now ();
            left--;
          }
        }
    }
  struct meter *slowest = &meters[0];
  for (long i = 1; i < subscribers; i++) {
    if (meters[i].checksum != meters[0].checksum) {
      slowest = &meters[i];
      break;
    }
    if (meters[i].end - meters[i].start > slowest->end - slowest->start) slowest = &meters[i];
  }
  done (slowest, NULL);
  released ();
}

static void rep (void)
{
  void *socket = make (ZMQ_REP);
  struct meter meter = {0};
  zmq_msg_t message;
  listen_ (socket);
  zmq_msg_init (&message);
  while (meter.messages < WARM_UP + count) {
    receive (socket, &meter, &message);
    if (zmq_msg_send (&message, socket, 0) < 0) fail ("reply");
  }
  meter.end = now ();
  released ();
  done (&meter, NULL);
}

static void ask (void *socket, long i)
{
  if (zmq_send (socket, "", 0, ZMQ_SNDMORE) < 0 || zmq_send (socket, bodies[i % variety], size, 0) < 0) fail ("request");
}

static void req (void)
{
  struct meter meter = {0};
  long total = WARM_UP + count;
  zmq_msg_t message;
  zmq_msg_init (&message);
  if (!strcmp (form, "flight")) {
    void *socket = make (ZMQ_DEALER);
    dial (socket);
    for (long i = 0; i < 100; i++) ask (socket, i);
    while (meter.messages < total) {
      if (zmq_msg_recv (&message, socket, 0) < 0) fail ("reply");
      receive (socket, &meter, &message);
      if (meter.messages + 99 < total) ask (socket, meter.messages + 99);
      if (meter.messages == WARM_UP) begin (&meter);
    }
    done (&meter, NULL);
  } else {
    void *socket = make (ZMQ_REQ);
    double *trips = calloc (count, sizeof *trips);
    dial (socket);
    for (long i = 0; i < total; i++) {
      double begun;
      if (i == WARM_UP) begin (&meter);
      begun = now ();
      if (zmq_send (socket, bodies[i % variety], size, 0) < 0) fail ("request");
      receive (socket, &meter, &message);
      if (i >= WARM_UP) trips[i - WARM_UP] = (now () - begun) * 1e6;
    }
    done (&meter, trips);
  }
  released ();
}

int main (int argc, char **argv)
{
  if (argc < 9) {
    fprintf (stderr, "libzmq ROLE FORM SIZE COUNT SUBSCRIBERS MARK BATCH ENDPOINT\n");
    return 2;
  }
  role = argv[1];
  form = argv[2];
  size = atol (argv[3]);
  count = atol (argv[4]);
  subscribers = atol (argv[5]);
  mark = atoi (argv[6]);
  batch = atoi (argv[7]);
  endpoint = argv[8];

  variety = size >= 1 << 20 ? 2 : size >= 4096 ? 8 : 64;
  bodies = calloc (variety, sizeof *bodies);
  sums = calloc (variety, sizeof *sums);
  for (long i = 0; i < variety; i++) {
    uint32_t state = i + 1;
    bodies[i] = malloc (size);
    for (size_t at = 0; at < size; at++) {
      state = state * 1664525u + 1013904223u;
      bodies[i][at] = state >> 24;
    }
    sums[i] = lanes (bodies[i], size);
  }

  context = zmq_ctx_new ();
  if (!strcmp (role, "pull")) {
    struct meter meter = {0};
    void *socket = make (ZMQ_PULL);
    listen_ (socket);
    receive_all (socket, &meter);
    done (&meter, NULL);
    released ();
  } else if (!strcmp (role, "push")) {
    void *socket = make (ZMQ_PUSH);
    dial (socket);
    send_all (socket);
  } else if (!strcmp (role, "pub")) pub ();
  else if (!strcmp (role, "sub")) sub ();
  else if (!strcmp (role, "rep")) rep ();
  else if (!strcmp (role, "req")) req ();
  else if (!strcmp (role, "version")) {
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    make (ZMQ_PULL); /* fails where the size of batches cannot be set */
    printf ("{\"version\":\"%d.%d.%d\"}\n", major, minor, patch);
  } else return 2;
  /* Nothing is left to be sent, and no time is to be spent on taking sockets apart. */
  fflush (stdout);
  _exit (0);
}
