/** Of 0 to 10: what the load allows; speech gains little beyond it. */
export const OPUS_COMPLEXITY = 5;

/** Options of FFmpeg's libopus: without the speech mode, whose look-ahead costs 4 ms more, in units of 20 ms that each go out at once. */
export function opusOptions(complexity: number = OPUS_COMPLEXITY): Readonly<Record<string, string>> {
  return { application: 'lowdelay', frame_duration: '20', compression_level: String(complexity) };
}
