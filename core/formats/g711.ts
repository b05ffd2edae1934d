const SIGN = 0x80;
const CODES = 256;
/** @see ITU-T G.711 table 2a */
const MU_BIAS = 0x84;

/** 16-bit samples of the octets of μ-law. @see ITU-T G.711 section 3.2 */
export const MU_LAW_SAMPLES: Int16Array = Int16Array.from({ length: CODES }, (_unused, octet) => {
  const code = ~octet;
  const magnitude = ((((code & 0x0f) << 3) + MU_BIAS) << ((code >> 4) & 7)) - MU_BIAS;
  return (code & SIGN) === 0 ? magnitude : -magnitude;
});

/** 16-bit samples of the octets of A-law, whose even bits are inverted. @see ITU-T G.711 section 3.1 */
export const A_LAW_SAMPLES: Int16Array = Int16Array.from({ length: CODES }, (_unused, octet) => {
  const code = octet ^ 0x55;
  const segment = (code >> 4) & 7;
  const step = ((code & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1);
  return (code & SIGN) === 0 ? -magnitude : magnitude;
});
