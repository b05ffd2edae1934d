import { looseBoolean, looseNumber, type TelephoneAccount } from 'wcs-core';
import { z } from 'zod';
import type { Call } from './call.ts';

export const callId = z.string().min(1).max(128);

/** A telephone account. @see WCS REST section 10 */
export const accountFields = {
  sipLogin: z.string().min(1),
  sipAuthenticationName: z.string().default(''),
  sipPassword: z.string().default(''),
  sipDomain: z.string().min(1),
  sipOutboundProxy: z.string().default(''),
  sipPort: looseNumber().pipe(z.number().int().min(0).max(65_535)).default(0),
  sipRegisterRequired: looseBoolean().default(false),
};

/** A call to somebody. */
export const callFields = {
  callId: callId.optional(),
  callee: z.string().min(1),
  toStream: z.string().min(1).optional(),
  rtmpUrl: z.string().min(1).optional(),
  rtmpStream: z.string().min(1).optional(),
  hasAudio: looseBoolean().default(true),
  hasVideo: looseBoolean().default(false),
  visibleName: z.string().default(''),
};

type AccountFields = z.output<z.ZodObject<typeof accountFields>>;

export function accountOf(fields: AccountFields): TelephoneAccount {
  return {
    login: fields.sipLogin,
    authenticationName: fields.sipAuthenticationName,
    password: fields.sipPassword,
    domain: fields.sipDomain,
    outboundProxy: fields.sipOutboundProxy,
    port: fields.sipPort,
    registerRequired: fields.sipRegisterRequired,
    visibleName: '',
  };
}

/** The WCS answer. */
export function rowOf(call: Call): Readonly<Record<string, unknown>> {
  const { statusCode, ...facts } = call.facts;
  return { ...facts, sipStatus: statusCode, mediaProvider: 'SIP', toStream: call.plan.streamName, sessionId: call.session.id };
}
