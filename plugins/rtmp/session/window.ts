/** Bytes between acknowledgements, in both directions and on both sides. */
export const WINDOW_BYTES = 5_000_000;
