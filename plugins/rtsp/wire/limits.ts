/** Bytes of one line of a message's head, folded lines counted one by one. */
export const MAX_LINE_BYTES = 8192;
/** Bytes of a start line and all headers together. */
export const MAX_HEAD_BYTES = 16_384;
/** Headers of one message. */
export const MAX_HEADERS = 64;
/** Bytes of a body: a session description, or parameters. */
export const MAX_BODY_BYTES = 65_536;
/** Alternatives of a Transport header, streams of an RTP-Info, challenges of an answer. */
export const MAX_LIST_ITEMS = 16;
