/*
 * keyd-client - have keyd sign messages, and verify every signature
 *
 * SPDX-License-Identifier: ISC
 *
 * Each client is a process with a connection of its own. The sizes of messages
 * range from 0 to keyd's maximum. Some messages are sent in small pieces.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MESSAGE_MAX = 16000, /* keyd's own limit */
	USUAL_MAX = 6000,
	SAMPLES = 10,
	PEM_MAX = 4096,
	CLIENTS_MAX = 64,
	PATIENCE_MS = 20000, /* how long keyd may take to hang up */
	DRIP_MS = 100,
};

static const char help[] =
	"usage: keyd-client --socket PATH --pubkey FILE [--count N] [--clients C]\n"
	"                   [--sample DIR]\n"
	"       keyd-client --socket PATH --misbehave HOW [--clients C]\n"
	"  --socket PATH    where keyd listens\n"
	"  --pubkey FILE    the public key, as \"openssl pkey -pubout\" writes it\n"
	"  --count N        messages to have signed by all clients together (1)\n"
	"  --clients C      connections, each from a process of its own (1)\n"
	"  --sample DIR     write ten messages and signatures as DIR/msg.N, DIR/sig.N\n"
	"  --misbehave HOW  open C connections that misbehave. HOW is\n"
	"    idle    send nothing, wait for keyd to hang up\n"
	"    long    announce a message that is too long, wait for keyd to hang up\n"
	"    half    send half of a length, wait for keyd to hang up\n"
	"    stall   send half of the longest message, wait for keyd to hang up\n"
	"    drip    send a long message, ten bytes a second, until keyd hangs up\n"
	"    deaf    send requests and read no signature until keyd hangs up\n"
	"    hangup  send half of a message and hang up\n";

struct options {
	const char *socket, *pubkey, *sample, *misbehave;
	unsigned count, clients;
};

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
	fprintf(stderr, "keyd-client: %s: %s\n", what, why);
	exit(1);
}

static int connect_to(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	if (length >= sizeof name.sun_path)
		die(path, "socket path too long");
	memcpy(name.sun_path, path, length);
	if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
		die(path, strerror(errno));
	return fd;
}

/* Send all bytes, at most `piece` at a time. */
static void send_all(int fd, const unsigned char *p, size_t size, size_t piece)
{
	ssize_t n;

	for (; size; p += n, size -= (size_t)n) {
		n = send(fd, p, size < piece ? size : piece, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			die("sending", strerror(errno));
		if (n < 0)
			n = 0;
	}
}

static void receive_all(int fd, unsigned char *p, size_t size)
{
	ssize_t n;

	for (; size; p += n, size -= (size_t)n) {
		n = read(fd, p, size);
		if (n == 0)
			die("receiving", "keyd hung up");
		if (n < 0 && errno != EINTR)
			die("receiving", strerror(errno));
		if (n < 0)
			n = 0;
	}
}

static void put_length(unsigned char *p, size_t size)
{
	p[0] = (unsigned char)(size >> 24);
	p[1] = (unsigned char)(size >> 16);
	p[2] = (unsigned char)(size >> 8);
	p[3] = (unsigned char)size;
}

/* ---- The good client ---------------------------------------------------- */

/* The DER of a public key has only one form: these bytes, then the key. */
static void read_pubkey(const char *path, unsigned char *key)
{
	static const unsigned char head[] = {0x30, 42,   0x30, 5, 6,  3,
	                                     0x2b, 0x65, 0x70, 3, 33, 0};
	static const char begin[] = "-----BEGIN PUBLIC KEY-----";
	unsigned char der[PEM_MAX];
	char text[PEM_MAX + 1];
	FILE *f = fopen(path, "r");
	const char *from, *to;
	size_t n;

	if (!f)
		die(path, strerror(errno));
	n = fread(text, 1, PEM_MAX, f);
	fclose(f);
	text[n] = '\0';
	from = strstr(text, begin);
	from = from ? from + sizeof begin - 1 : text;
	to = strstr(from, "-----END");
	if (!to
	    || sodium_base642bin(der, sizeof der, from, (size_t)(to - from),
	                         " \r\n", &n, NULL,
	                         sodium_base64_VARIANT_ORIGINAL)
	               < 0
	    || n != sizeof head + crypto_sign_PUBLICKEYBYTES
	    || memcmp(der, head, sizeof head) != 0)
		die(path, "not an Ed25519 public key in PEM");
	memcpy(key, der + sizeof head, crypto_sign_PUBLICKEYBYTES);
}

static void write_file(const char *dir, const char *name, unsigned number,
                       const unsigned char *p, size_t size)
{
	char path[PATH_MAX];
	FILE *f;

	if (snprintf(path, sizeof path, "%s/%s.%u", dir, name, number)
	    >= (int)sizeof path)
		die(dir, "path too long");
	f = fopen(path, "w");
	if (!f || fwrite(p, 1, size, f) != size || fclose(f) != 0)
		die(path, strerror(errno));
}

/* Make message `number`. One in 200 is the longest, one in 200 is empty. */
static size_t make_message(unsigned char *p, unsigned number)
{
	size_t size = 1 + (size_t)number * 7919 % USUAL_MAX;

	if (number % 100 == 99)
		size = number % 200 == 99 ? MESSAGE_MAX : 0;
	randombytes_buf(p, size);
	if (size >= sizeof number)
		memcpy(p, &number, sizeof number);
	return size;
}

static void work(const struct options *o, const unsigned char *key,
                 unsigned first)
{
	unsigned char request[4 + MESSAGE_MAX], sig[crypto_sign_BYTES];
	unsigned char *message = request + 4;
	int fd = connect_to(o->socket);
	unsigned number;
	size_t size;

	for (number = first; number < o->count; number += o->clients) {
		size = make_message(message, number);
		put_length(request, size);
		send_all(fd, request, 4 + size,
		         number % 16 == 7 ? 3 : SIZE_MAX);
		receive_all(fd, sig, sizeof sig);
		if (crypto_sign_verify_detached(sig, message, size, key) != 0)
			die("a signature", "is not valid");
		if (o->sample && number < SAMPLES) {
			write_file(o->sample, "msg", number, message, size);
			write_file(o->sample, "sig", number, sig, sizeof sig);
		}
	}
	close(fd);
}

static int run_clients(const struct options *o)
{
	unsigned char key[crypto_sign_PUBLICKEYBYTES];
	unsigned failed = 0, i;
	int status;
	pid_t pid;

	read_pubkey(o->pubkey, key);
	for (i = 0; i < o->clients; i++) {
		pid = fork();
		if (pid < 0)
			die("fork", strerror(errno));
		if (pid == 0) {
			work(o, key, i);
			_exit(0);
		}
	}
	for (i = 0; i < o->clients; i++)
		failed += wait(&status) < 0 || status != 0;
	if (failed) {
		fprintf(stderr, "keyd-client: %u of %u connections failed\n",
		        failed, o->clients);
		return 1;
	}
	printf("%u messages signed over %u connections, %u signatures "
	       "verified\n",
	       o->count, o->clients, o->count);
	return 0;
}

/* ---- The bad clients ---------------------------------------------------- */

static void await_hangup(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	char byte;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		die("waiting", "keyd did not hang up");
	while (read(fd, &byte, 1) > 0) /* a deaf client has unread signatures */
		;
}

/* The socket's buffers hold some requests and signatures; then keyd waits. */
static void send_until_hangup(int fd)
{
	static const unsigned char request[5] = {0, 0, 0, 1, 'x'};
	struct pollfd p = {fd, POLLOUT, 0};

	while (send(fd, request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT)
	               >= 0
	       || errno == EAGAIN) {
		if (poll(&p, 1, PATIENCE_MS) != 1)
			die("waiting", "keyd did not hang up");
	}
	if (errno != EPIPE && errno != ECONNRESET)
		die("sending", strerror(errno));
}

static void drip_until_hangup(int fd)
{
	unsigned char request[4] = {0};
	int ms;

	put_length(request, MESSAGE_MAX);
	send_all(fd, request, sizeof request, SIZE_MAX);
	for (ms = 0; ms < PATIENCE_MS; ms += DRIP_MS) {
		if (send(fd, request, 1, MSG_NOSIGNAL) < 0)
			return;
		poll(NULL, 0, DRIP_MS);
	}
	die("waiting", "keyd did not hang up");
}

static void send_half(int fd, const char *how)
{
	unsigned char request[4 + MESSAGE_MAX / 2] = {0};
	size_t size = sizeof request;

	if (!strcmp(how, "idle"))
		size = 0;
	else if (!strcmp(how, "half"))
		size = 2;
	else if (!strcmp(how, "long"))
		size = 4;
	put_length(request, MESSAGE_MAX + (size == 4));
	send_all(fd, request, size, SIZE_MAX);
}

static int run_bad_clients(const struct options *o)
{
	const char *how = o->misbehave;
	int fds[CLIENTS_MAX];
	unsigned i;

	for (i = 0; i < o->clients; i++) {
		fds[i] = connect_to(o->socket);
		if (!strcmp(how, "deaf"))
			send_until_hangup(fds[i]);
		else if (!strcmp(how, "drip"))
			drip_until_hangup(fds[i]);
		else
			send_half(fds[i], how);
	}
	for (i = 0; i < o->clients; i++) {
		if (strcmp(how, "hangup") != 0)
			await_hangup(fds[i]);
		close(fds[i]);
	}
	return 0;
}

/* ---- The start ---------------------------------------------------------- */

static unsigned parse_number(const char *text, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > max)
		die(text, "not a number in range");
	return (unsigned)n;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{"help", no_argument, NULL, 'h'},
		{"socket", required_argument, NULL, 's'},
		{"pubkey", required_argument, NULL, 'p'},
		{"count", required_argument, NULL, 'n'},
		{"clients", required_argument, NULL, 'c'},
		{"sample", required_argument, NULL, 'd'},
		{"misbehave", required_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'h':
			exit(fputs(help, stdout) < 0 || fflush(stdout));
		case 's':
			o->socket = optarg;
			break;
		case 'p':
			o->pubkey = optarg;
			break;
		case 'n':
			o->count = parse_number(optarg, 1000000);
			break;
		case 'c':
			o->clients = parse_number(optarg, CLIENTS_MAX);
			break;
		case 'd':
			o->sample = optarg;
			break;
		case 'm':
			o->misbehave = optarg;
			break;
		default:
			die(argv[optind - 1], "bad option, see --help");
		}
	}
	if (optind < argc || !o->socket || (!o->pubkey && !o->misbehave))
		die("usage", "see --help");
}

static int is_known(const char *how)
{
	static const char *const known[] = {"idle", "long", "half",  "stall",
	                                    "drip", "deaf", "hangup"};
	size_t i;

	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(how, known[i]))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.count = 1, .clients = 1};

	parse_options(argc, argv, &o);
	if (sodium_init() < 0)
		die("libsodium", "cannot be initialized");
	if (!o.misbehave)
		return run_clients(&o);
	if (!is_known(o.misbehave))
		die(o.misbehave, "not a way to misbehave, see --help");
	return run_bad_clients(&o);
}
