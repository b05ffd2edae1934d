/**
 * Bounds of what a peer may send. They hold before anything reaches the call logic, whose header parser takes time
 * with the square of a header's length.
 */

/** A whole message; what a datagram can carry at most. */
export const MESSAGE_BYTES_MAX = 65_535;
/** Start line and header fields together. */
export const HEAD_BYTES_MAX = 32_768;
export const START_LINE_CHARS_MAX = 4096;
/** One header field after unfolding and shrinking of white space. */
export const HEADER_CHARS_MAX = 8192;
/** A field, or a value of a list, that holds an address (From, Contact, Refer-To …); also challenges and the content type. */
export const ADDRESS_CHARS_MAX = 1024;
export const CONTENT_TYPE_CHARS_MAX = 256;
export const CALL_ID_CHARS_MAX = 256;
export const HEADERS_MAX = 256;
/** Values of Via, Route or Record-Route. */
export const HOPS_MAX = 32;
/** A body of several parts; the call logic searches it more than once. */
export const MULTIPART_BYTES_MAX = 4096;
/** Exclusive bound of sequence numbers. @see RFC 3261 section 8.1.1.5 */
export const CSEQ_LIMIT = 2 ** 31;
