import type { SrtpCipher } from './cipher.ts';
import { CmCipher } from './cm-cipher.ts';
import { GcmCipher } from './gcm-cipher.ts';
import type { SrtpSession } from './key-derivation.ts';
import type { SrtpProfile } from './keys.ts';

/** The cipher of a profile, by node:crypto. */
export function createSrtpCipher(profile: SrtpProfile, session: SrtpSession): SrtpCipher {
  return profile === 'AEAD_AES_128_GCM' ? new GcmCipher(session) : new CmCipher(profile, session);
}
