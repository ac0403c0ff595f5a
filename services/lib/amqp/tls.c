#include "lib/amqp/tls.h"

#include <errno.h>
#include <sys/stat.h>

#include <amqp_ssl_socket.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "lib/base/error.h"

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* librabbitmq says that verification failed, and not why; OpenSSL calls back on the thread that
 * connects. */
static __thread const char *complaint;

static int note_complaint(int is_fine, X509_STORE_CTX *store)
{
    if (!is_fine) {
        complaint = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    }
    return is_fine;
}

const char *sdm_tls_complaint(void)
{
    return complaint;
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool check_key(const char *path, GError **error)
{
    struct stat about;

    if (stat(path, &about) != 0) {
        return sdm_unavailable(error, "read key '%s': %s", path, g_strerror(errno));
    }
    if ((about.st_mode & 0077) != 0) {
        return sdm_unavailable(error, "key '%s': want a mode that only the owner can read", path);
    }
    return true;
}

static bool load_files(amqp_socket_t *socket, const struct sdm_amqp_config *config, GError **error)
{
    const char *ca_file = is_set(config->ca_file) ? config->ca_file : SYSTEM_CA_FILE;

    if (amqp_ssl_socket_set_cacert(socket, ca_file) != AMQP_STATUS_OK) {
        return sdm_unavailable(error, "no certificates in CA file '%s'", ca_file);
    }
    if (!is_set(config->cert_file)) {
        return true;
    }
    if (!is_set(config->key_file)) {
        return sdm_unavailable(error, "certificate '%s' has no key", config->cert_file);
    }
    return check_key(config->key_file, error) &&
           (amqp_ssl_socket_set_key(socket, config->cert_file, config->key_file) ==
                AMQP_STATUS_OK ||
            sdm_unavailable(error, "certificate '%s' and key '%s' are no pair", config->cert_file,
                            config->key_file));
}

amqp_socket_t *sdm_tls_socket(amqp_connection_state_t connection,
                              const struct sdm_amqp_config *config, GError **error)
{
    amqp_socket_t *socket = amqp_ssl_socket_new(connection);

    complaint = NULL;
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    if (!load_files(socket, config, error)) {
        return NULL;
    }
    SSL_CTX_set_verify(amqp_ssl_socket_get_context(socket), SSL_VERIFY_PEER, note_complaint);
    return socket;
}
