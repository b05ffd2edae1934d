/** Longest text frame of a client: an SDP offer with everything a browser has, twice over. */
export const MAX_MESSAGE_BYTES = 256 * 1024;
/** Objects in objects of a message. */
export const MAX_DEPTH = 64;
/** Ids that a client makes (UUIDs). */
export const MAX_ID_LENGTH = 128;
/** Longest offer. */
export const MAX_SDP_LENGTH = 200_000;
/** Short texts: logins, commands, event types. */
export const MAX_WORD_LENGTH = 512;
