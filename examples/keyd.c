/*
 * keyd - a small signing daemon that keeps its key in secmalloc's memory
 *
 * As root, keyd locks pools and reads an Ed25519 key directly into them. It
 * then becomes an unprivileged user for good and signs what its clients send.
 *
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <secmalloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MAX = 16000, WORKERS = 12, KEY_FILE_MAX = 16384 };

static const char help[] =
	"Usage: keyd --key FILE --socket PATH [--user NAME] [--pools N] [--timeout S]\n"
	"  --key FILE     an Ed25519 key, as openssl genpkey writes it, mode 0600\n"
	"  --socket PATH  where to listen, mode 0666: its directory controls access.\n"
	"                 Removed at the end if NAME may, else at the next start\n"
	"  --user NAME    the user that keyd becomes when root starts it (nobody)\n"
	"  --pools N      pools to lock at the start (4)\n"
	"  --timeout S    seconds a client has for each step of a request (10)\n"
	"A client sends the length of a message (4 bytes, big-endian; at most 16000)\n"
	"and the message. It receives the 64 bytes of the signature, and may then send\n"
	"another message. keyd serves 12 clients at once. SIGUSR1 prints a line of\n"
	"counters. SIGTERM and SIGINT end keyd.\n";

static unsigned long timeout = 10; /* seconds */
static unsigned char *key;
static int listener;
static atomic_bool ending;
static atomic_int client_of[WORKERS] = {[0 ... WORKERS - 1] = -1};

#define say(format, ...) fprintf(stderr, "keyd: " format "\n", ##__VA_ARGS__)
#define demand(condition, ...)            \
	do                                \
		if (!(condition)) {       \
			say(__VA_ARGS__); \
			secmalloc_fini(); \
			exit(1);          \
		}                         \
	while (0)

static void say_low(size_t bytes)
{
	say("locked memory is running low: %zu bytes are free", bytes);
}

static void *chunk(size_t size)
{
	void *p = secmalloc(size);

	demand(p != NULL, "no memory for the key: %s", secmalloc_error());
	return p;
}

/* Uses read(2): stdio would leave a copy of the key in its buffer. */
static char *read_pem(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;
	char *pem;

	demand(fd >= 0 && !fstat(fd, &st), "%s: cannot read the key: %m", path);
	demand(S_ISREG(st.st_mode), "%s: not a regular file", path);
	demand((st.st_mode & 077) == 0, "%s: accessible to others: chmod 600",
	       path);
	demand(st.st_uid == geteuid(), "%s: belongs to UID %u", path,
	       st.st_uid);
	demand(st.st_size <= KEY_FILE_MAX, "%s: too large for a key", path);
	pem = chunk((size_t)st.st_size);
	for (*size = 0; n != 0; *size += (size_t)n)
		demand((n = read(fd, pem + *size, (size_t)st.st_size - *size))
		               >= 0,
		       "%s: cannot read the key: %m", path);
	close(fd);
	return pem;
}

static unsigned char *decode_pem(const char *path, const char *pem, size_t size,
                                 size_t *der_size)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----";
	const char *from = memmem(pem, size, begin, sizeof(begin) - 1), *to;
	unsigned char *der = chunk(size);

	demand(memmem(pem, size, "-----BEGIN ENCRYPTED", 20) == NULL,
	       "%s: the key is encrypted, and keyd has no passphrase", path);
	demand(from != NULL, "%s: contains no \"%s\"", path, begin);
	from += sizeof(begin) - 1;
	to = memmem(from, size - (size_t)(from - pem), "-----END PRIVATE", 16);
	demand(to != NULL, "%s: truncated: the end of the key is missing",
	       path);
	demand(sodium_base642bin(der, size, from, (size_t)(to - from), " \r\n",
	                         der_size, NULL, sodium_base64_VARIANT_ORIGINAL)
	               == 0,
	       "%s: bad base64", path);
	return der;
}

/* RFC 8410 allows only one encoding in DER: these bytes, then the key's seed.
 */
static void load_key(const char *path)
{
	static const unsigned char head[] = {
		0x30, 46,   2,    1,    0, 0x30, 5, 6,
		3,    0x2b, 0x65, 0x70, 4, 34,   4, crypto_sign_SEEDBYTES};
	unsigned char public_half[crypto_sign_PUBLICKEYBYTES];
	size_t size;
	char *pem = read_pem(path, &size);
	unsigned char *der = decode_pem(path, pem, size, &size);

	secfree(pem);
	demand(size == sizeof(head) + crypto_sign_SEEDBYTES
	               && memcmp(der, head, sizeof(head)) == 0,
	       "%s: not an Ed25519 key", path);
	key = chunk(crypto_sign_SECRETKEYBYTES);
	crypto_sign_ed25519_seed_keypair(public_half, key, der + sizeof(head));
	secfree(der);
}

/* Only connect() shows whether a process serves a socket, or left it behind. */
static void listen_at(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const struct sockaddr *address = (const void *)&name;
	size_t length = strlen(path);
	struct stat st;

	demand(length < sizeof(name.sun_path), "%s: path too long", path);
	memcpy(name.sun_path, path, length);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (lstat(path, &st) == 0) {
		demand(S_ISSOCK(st.st_mode), "%s: not a socket", path);
		demand(connect(listener, address, sizeof(name)) != 0
		               && errno == ECONNREFUSED,
		       "%s: socket in use", path);
		demand(unlink(path) == 0, "%s: cannot remove it: %m", path);
	}
	umask(0111);
	demand(bind(listener, address, sizeof(name)) == 0
	               && listen(listener, 99) == 0,
	       "%s: cannot listen: %m", path);
}

static void drop_privileges(uid_t uid, gid_t gid)
{
	demand(setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0
	               && setresuid(uid, uid, uid) == 0
	               && prctl(PR_SET_DUMPABLE, 0) == 0,
	       "cannot become UID %u: %m", uid);
}

#define hang_up(reason, ...)                                                 \
	return (say("client %u: " reason ": closed", client, ##__VA_ARGS__), \
	        false)

/* Serve one request. The socket's time limits bound each step. Returns false if
 * the connection is to be closed. */
static bool answer(int fd, unsigned client)
{
	unsigned char head[4], signature[crypto_sign_BYTES], *message;
	ssize_t got = recv(fd, head, sizeof(head), MSG_WAITALL);
	size_t size;

	if (got == 0)
		return false;
	if (got != sizeof(head))
		hang_up("%s", got < 0 ? "no request in time"
		                      : "disconnected or stalled in a length");
	size = (size_t)head[0] << 24 | (size_t)head[1] << 16
	       | (size_t)head[2] << 8 | head[3];
	if (size > MESSAGE_MAX)
		hang_up("message too long (%zu bytes)", size);
	message = secmalloc(size);
	if (message == NULL)
		hang_up("no room for a message: %s", secmalloc_error());
	got = size == 0 ? 0 : recv(fd, message, size, MSG_WAITALL);
	if (got == (ssize_t)size)
		crypto_sign_detached(signature, NULL, message, size, key);
	secfree(message);
	if (got != (ssize_t)size)
		hang_up("disconnected or stalled in a message of %zu bytes",
		        size);
	if (send(fd, signature, sizeof(signature), MSG_NOSIGNAL)
	    != sizeof(signature))
		hang_up("does not receive its signature");
	return true;
}

/* The body of a thread, which serves one client after the other. */
static void *work(void *mine)
{
	struct timeval limit = {.tv_sec = (time_t)timeout};
	static atomic_uint clients;

	while (!ending) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		unsigned client = ++clients;

		*(atomic_int *)mine = fd;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		while (fd >= 0 && !ending && answer(fd, client))
			;
		*(atomic_int *)mine = -1;
		if (fd < 0 && !ending)
			say("cannot accept a client: %m"), sleep(1);
		close(fd);
	}
	return NULL;
}

/* Serve until a signal says to end. After that no thread uses the key. */
static void serve(sigset_t *signals)
{
	pthread_t threads[WORKERS];
	struct secmalloc_stats s;
	int signal;

	for (int i = 0; i < WORKERS; i++)
		demand(pthread_create(&threads[i], NULL, work, &client_of[i])
		               == 0,
		       "cannot start a thread");
	while (sigwait(signals, &signal) != 0 || signal == SIGUSR1)
		if (secmalloc_stats(&s) == 0)
			say("stats: %ju bytes locked, %ju free; %ju chunks of "
			    "%ju bytes; at most %ju used; %ju failures",
			    s.locked_bytes, s.free_bytes, s.chunks,
			    s.chunk_bytes, s.used_bytes_peak, s.failures);
	ending = true;
	shutdown(listener, SHUT_RDWR);
	for (int i = 0; i < WORKERS; i++) {
		shutdown(client_of[i], SHUT_RDWR);
		pthread_join(threads[i], NULL);
	}
}

static unsigned long number(const char *option, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	demand(*text > '0' && *text <= '9' && *end == '\0' && n <= 100000,
	       "%s: '%s' is not a number from 1 to 100000", option, text);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{"help", 0, NULL, 'h'},
		{"key", 1, NULL, 'k'},
		{"socket", 1, NULL, 's'},
		{"user", 1, NULL, 'u'},
		{"pools", 1, NULL, 'p'},
		{"timeout", 1, NULL, 't'},
		{0},
	};
	const char *key_path = NULL, *socket_path = NULL, *user = "nobody";
	struct secmalloc_config config = {.initial_pools = 4,
	                                  .on_low = say_low,
	                                  .low_bytes = (size_t)2 * MESSAGE_MAX,
	                                  .flags = SECMALLOC_NODUMP};
	struct passwd *who = NULL;
	sigset_t signals;
	int c;

	for (opterr = 0; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 'h':
			return fputs(help, stdout) < 0 || fflush(stdout) != 0;
		case 'k':
			key_path = optarg;
			break;
		case 's':
			socket_path = optarg;
			break;
		case 'u':
			user = optarg;
			break;
		case 'p':
			config.initial_pools = number("--pools", optarg);
			break;
		case 't':
			timeout = number("--timeout", optarg);
			break;
		default:
			demand(0, "bad option '%s'", argv[optind - 1]);
		}
	demand(optind == argc, "unexpected argument '%s': see --help",
	       argv[optind]);
	demand(key_path && socket_path, "--key and --socket are needed");
	if (geteuid() == 0)
		demand((who = getpwnam(user)), "unknown user '%s'", user);
	demand(who == NULL || who->pw_uid != 0, "user '%s' is root", user);
	demand(secmalloc_init(&config) == 0, "%s", secmalloc_error());
	demand(sodium_init() >= 0, "libsodium cannot be initialized");
	load_key(key_path);
	listen_at(socket_path);
	if (who != NULL)
		drop_privileges(who->pw_uid, who->pw_gid);
	else
		say("not root: running as UID %u, privileges not dropped",
		    geteuid());
	demand(secmalloc_verify(0) == 0, "%s", secmalloc_error());
	say("verified: locked, not dumped, privileges gone for good");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	say("ready: %s socket, uid %u, %zu pools locked", socket_path, getuid(),
	    config.initial_pools);
	serve(&signals);
	secfree(key);
	secmalloc_fini();
	if (unlink(socket_path) != 0)
		say("%s: left for the next start to remove: %m", socket_path);
	return 0;
}
