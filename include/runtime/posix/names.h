#pragma once

/* Host names: POSIX calls that park a fiber. The rules for all of them: <runtime/posix.h>. */

#include <sys/socket.h>
#include <sys/types.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* <netdb.h> hides it from strict C. */
struct addrinfo;
struct hostent;

/* Resolves a name; the result is freed with freeaddrinfo().
 *
 * Numeric hosts with numeric ports are answered at once; all else is looked up on the blocking pool.
 * Parks: until the answer is there.
 * Cancellation: EAI_SYSTEM with ECANCELED, at once; the lookup is left behind and its answer dropped. EAI_SYSTEM with
 * EAGAIN when no pool thread can be made, with ECANCELED when the pool is shut down.
 * See: getaddrinfo(3p) */
RUNTIME_API int runtime_getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                                    struct addrinfo** result);

/* The names of an address. With NI_NUMERICHOST and NI_NUMERICSERV (for what is asked) it is answered at once, else on
 * the blocking pool.
 *
 * Parks: until the answer is there.
 * Cancellation: as runtime_getaddrinfo.
 * See: getnameinfo(3p) */
RUNTIME_API int runtime_getnameinfo(const struct sockaddr* address, socklen_t address_size, char* host,
                                    socklen_t host_size, char* service, socklen_t service_size, int flags);

/* Looks a host up by its name: 0 and *found, which is null when there is none, or an error number. *found is entry,
 * whose pointers point into buffer; ERANGE: the buffer is too small. *host_error is what h_errno would be.
 *
 * Numeric names are answered at once; all else is looked up on the blocking pool.
 * Parks: until the answer is there.
 * Cancellation: ECANCELED with NETDB_INTERNAL, at once; the lookup is left behind and its answer dropped. EAGAIN with
 * NETDB_INTERNAL when no pool thread can be made, ECANCELED when the pool is shut down.
 * See: gethostbyname_r(3) */
RUNTIME_API int runtime_gethostbyname_r(const char* name, struct hostent* entry, char* buffer, size_t size,
                                        struct hostent** found, int* host_error);

/* As runtime_gethostbyname_r, with AF_INET or AF_INET6. See: gethostbyname2_r(3) */
RUNTIME_API int runtime_gethostbyname2_r(const char* name, int family, struct hostent* entry, char* buffer,
                                         size_t size, struct hostent** found, int* host_error);

/* Looks a host up by its address; else as runtime_gethostbyname_r. See: gethostbyaddr_r(3) */
RUNTIME_API int runtime_gethostbyaddr_r(const void* address, socklen_t address_size, int family, struct hostent* entry,
                                        char* buffer, size_t size, struct hostent** found, int* host_error);

#ifdef __cplusplus
}
#endif
