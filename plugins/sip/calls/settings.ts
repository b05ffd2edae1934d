import { z } from 'zod';

/** Codecs that can be configured for calls. */
const CODECS = ['opus', 'pcmu', 'pcma', 'g722', 'g729', 'speex', 'h264', 'vp8'] as const;

/** Settings of registrations, calls and their media. */
export const callSettings = {
  /** Clients without an exchange call each other by their logins. */
  localCalls: z.boolean().default(false),
  /** Calls at one time. */
  maxCalls: z.number().int().min(1).default(1000),
  /** The other side of a call may send us to somebody else (REFER). */
  acceptTransfers: z.boolean().default(true),
  /** Milliseconds without a packet after which a call is over, unless it is held; 0: never. */
  rtpTimeoutMs: z.number().int().min(0).default(60_000),
  registration: z
    .strictObject({
      /** How long we ask to be registered. */
      expiresS: z.number().int().min(10).max(86_400).default(600),
      /** Accounts at one time. */
      max: z.number().int().min(1).default(5000),
      /** How the way to a registrar is kept open, and how often: by CRLF CRLF, or by OPTIONS. */
      keepAlive: z.enum(['crlf', 'options', 'off']).default('crlf'),
      keepAliveS: z.number().int().min(1).max(3600).default(25),
    })
    .prefault({}),
  media: z
    .strictObject({
      /** What is offered to the other side, best first. */
      codecs: z.array(z.enum(CODECS)).min(1).default(['opus', 'g722', 'pcmu', 'pcma', 'h264', 'vp8']),
      /** Offer encrypted media, with keys in the description (SDES) or by DTLS; what is offered to us so is taken in any case. */
      secure: z.enum(['none', 'sdes', 'dtls']).default('none'),
      /** Whose media is believed: who sends first within a few seconds, or only the address in the description. */
      symmetric: z.enum(['learned', 'signalled']).default('learned'),
      /** How long readers of a call's stream wait when it breaks off, milliseconds. */
      graceMs: z.number().int().min(0).default(0),
    })
    .prefault({}),
};

/** The settings with their defaults filled in. */
export type CallSettings = z.output<z.ZodObject<typeof callSettings>>;
