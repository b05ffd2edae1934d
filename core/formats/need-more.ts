/** What an incremental parser answers when the bytes so far hold no whole message: give it more and ask again. */
export const NEED_MORE: unique symbol = Symbol('NEED_MORE');

/** The type of `NEED_MORE`, for the result of an incremental parser. */
export type NeedMore = typeof NEED_MORE;
