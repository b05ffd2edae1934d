import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

/** A pointer, or 0 for none: addresses of user space fit a number. */
export type Pointer = number;

/** Functions of the C library and of the libcrypto that is part of the running node, by their own names. @see the OpenSSL 3.0 manual pages of the same names */
export interface NativeLibrary {
  readonly EVP_CIPHER_CTX_new: () => Pointer;
  readonly EVP_CIPHER_CTX_free: (context: Pointer) => void;
  readonly EVP_CIPHER_CTX_ctrl: (context: Pointer, type: number, argument: number, pointer: Pointer) => number;
  readonly EVP_aes_128_gcm: () => Pointer;
  readonly EVP_aes_128_ctr: () => Pointer;
  readonly EVP_EncryptInit_ex: (context: Pointer, cipher: Pointer, engine: Pointer, key: Pointer, iv: Pointer) => number;
  readonly EVP_EncryptUpdate: (context: Pointer, out: Pointer, outLength: Pointer, input: Pointer, length: number) => number;
  readonly EVP_EncryptFinal_ex: (context: Pointer, out: Pointer, outLength: Pointer) => number;
  readonly EVP_DecryptInit_ex: (context: Pointer, cipher: Pointer, engine: Pointer, key: Pointer, iv: Pointer) => number;
  readonly EVP_DecryptUpdate: (context: Pointer, out: Pointer, outLength: Pointer, input: Pointer, length: number) => number;
  readonly EVP_DecryptFinal_ex: (context: Pointer, out: Pointer, outLength: Pointer) => number;
  readonly ERR_clear_error: () => void;
  readonly SHA1_Init: (context: Pointer) => number;
  readonly SHA1_Update: (context: Pointer, data: Pointer, length: number) => number;
  readonly sendmmsg: (fd: number, messages: Pointer, count: number, flags: number) => number;
  readonly sendto: (fd: number, data: Uint8Array, length: number, flags: number, address: Pointer, addressLength: number) => number;
  /** Without a timeout. */
  readonly recvmmsg: (fd: number, messages: Pointer, count: number, flags: number, timeout: 0) => number;
  readonly epoll_create1: (flags: number) => number;
  readonly epoll_ctl: (epoll: number, operation: number, fd: number, event: Pointer) => number;
  readonly epoll_wait: (epoll: number, events: Pointer, count: number, timeoutMs: number) => number;
  /** With an argument that is a number. */
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly getsockopt: (fd: number, level: number, name: number, value: Pointer, length: Pointer) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Pointer, length: number) => number;
  readonly inet_ntop: (family: number, address: Pointer, text: Pointer, length: number) => string | null;
  readonly if_indextoname: (index: number, name: Pointer) => string | null;
  readonly if_nametoindex: (name: string) => number;
  readonly recv: (fd: number, buffer: Pointer, length: number, flags: number) => number;
  readonly poll: (descriptors: Pointer, count: number, timeoutMs: number) => number;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Pointer, length: number) => number;
  readonly getsockname: (fd: number, address: Pointer, length: Pointer) => number;
  readonly inet_pton: (family: number, text: string, address: Pointer) => number;
  readonly close: (fd: number) => number;
  /** Error number of the last call that failed. */
  readonly errno: () => number;
  /** Memory outside of the heap, which never moves; held until the process ends. */
  readonly allocate: (length: number) => { readonly address: Pointer; readonly buffer: ArrayBuffer };
}

/** Names of Linux, the same on x64 and arm64. */
export const LINUX = {
  AF_INET: 2, AF_INET6: 10, SOCK_DGRAM: 2, SOCK_CLOEXEC: 0o2000000, SOCK_NONBLOCK: 0o4000, MSG_DONTWAIT: 0x40, POLLIN: 1,
  MSG_TRUNC: 0x20, SOL_SOCKET: 1, SO_SNDBUF: 7, SO_RCVBUF: 8, F_DUPFD_CLOEXEC: 1030, EPOLL_CLOEXEC: 0o2000000, EPOLL_CTL_ADD: 1, EPOLL_CTL_DEL: 2, EPOLLIN: 1,
  SOL_UDP: 17, UDP_SEGMENT: 103, EINTR: 4, EIO: 5, EAGAIN: 11, EINVAL: 22,
} as const;

/**
 * Binds the functions.
 *
 * @throws Error when koffi isn't installed, or something isn't there under its name
 */
export function loadNativeLibrary(): NativeLibrary {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) throw new Error(`it needs Linux on x64 or arm64, not ${platform} on ${arch}`);
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const pointer = 'uintptr_t';
  const int = 'int';
  return {
    EVP_CIPHER_CTX_new: library.func('EVP_CIPHER_CTX_new', pointer, []),
    EVP_CIPHER_CTX_free: library.func('EVP_CIPHER_CTX_free', 'void', [pointer]),
    EVP_CIPHER_CTX_ctrl: library.func('EVP_CIPHER_CTX_ctrl', int, [pointer, int, int, pointer]),
    EVP_aes_128_gcm: library.func('EVP_aes_128_gcm', pointer, []),
    EVP_aes_128_ctr: library.func('EVP_aes_128_ctr', pointer, []),
    EVP_EncryptInit_ex: library.func('EVP_EncryptInit_ex', int, [pointer, pointer, pointer, pointer, pointer]),
    EVP_EncryptUpdate: library.func('EVP_EncryptUpdate', int, [pointer, pointer, pointer, pointer, int]),
    EVP_EncryptFinal_ex: library.func('EVP_EncryptFinal_ex', int, [pointer, pointer, pointer]),
    EVP_DecryptInit_ex: library.func('EVP_DecryptInit_ex', int, [pointer, pointer, pointer, pointer, pointer]),
    EVP_DecryptUpdate: library.func('EVP_DecryptUpdate', int, [pointer, pointer, pointer, pointer, int]),
    EVP_DecryptFinal_ex: library.func('EVP_DecryptFinal_ex', int, [pointer, pointer, pointer]),
    ERR_clear_error: library.func('ERR_clear_error', 'void', []),
    SHA1_Init: library.func('SHA1_Init', int, [pointer]),
    SHA1_Update: library.func('SHA1_Update', int, [pointer, pointer, 'size_t']),
    sendmmsg: library.func('sendmmsg', int, [int, pointer, 'unsigned int', int]),
    sendto: library.func('sendto', 'intptr_t', [int, 'const uint8_t *', 'size_t', int, pointer, 'uint32_t']),
    recvmmsg: library.func('recvmmsg', int, [int, pointer, 'unsigned int', int, pointer]),
    epoll_create1: library.func('epoll_create1', int, [int]),
    epoll_ctl: library.func('epoll_ctl', int, [int, int, int, pointer]),
    epoll_wait: library.func('epoll_wait', int, [int, pointer, int, int]),
    fcntl: library.func('fcntl', int, [int, int, int]),
    getsockopt: library.func('getsockopt', int, [int, int, int, pointer, pointer]),
    setsockopt: library.func('setsockopt', int, [int, int, int, pointer, 'uint32_t']),
    inet_ntop: library.func('inet_ntop', 'const char *', [int, pointer, pointer, 'uint32_t']),
    if_indextoname: library.func('if_indextoname', 'const char *', ['unsigned int', pointer]),
    if_nametoindex: library.func('if_nametoindex', 'unsigned int', ['const char *']),
    recv: library.func('recv', 'intptr_t', [int, pointer, 'size_t', int]),
    poll: library.func('poll', int, [pointer, 'unsigned long', int]),
    socket: library.func('socket', int, [int, int, int]),
    bind: library.func('bind', int, [int, pointer, 'uint32_t']),
    getsockname: library.func('getsockname', int, [int, pointer, pointer]),
    inet_pton: library.func('inet_pton', int, [int, 'const char *', pointer]),
    close: library.func('close', int, [int]),
    errno: () => koffi.errno(),
    allocate: (length) => {
      const block: unknown = koffi.alloc('uint8_t', length);
      return { address: Number(koffi.address(block)), buffer: koffi.view(block, length) };
    },
  };
}
