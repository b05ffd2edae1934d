import { loadAudioEncoders } from '../../core/process/av/open-audio-encoder.ts';
import { serveJobs } from '../../core/process/child-jobs.ts';
import { Input } from '../../plugins/mixer/child/mix-input.ts';
import { formOf, TICK_MS } from '../../plugins/mixer/child/sound-encoder.ts';
import { SoundMix } from '../../plugins/mixer/child/sound-mix.ts';
import { inputOf, type MixSpec } from '../../plugins/mixer/wire/mix-job.ts';

/** What the sound of a mix that goes by steps is told. */
export type StepCommand =
  | { readonly type: 'addInput'; readonly id: string; readonly port: number }
  | { readonly type: 'addSound'; readonly port: number; readonly without: string }
  /** The next tick. */
  | { readonly type: 'tick' }
  | { readonly type: 'end' };

// The sound of a mix without a clock: a test says when a tick is.
serveJobs(async (spec, output) => {
  await loadAudioEncoders();
  const audio = (spec as MixSpec).audio!;
  const form = { ...formOf(audio), silenceDb: audio.silenceDb, maxDelayMs: audio.maxDelayMs };
  const sound = new SoundMix(audio, output);
  const inputs = new Map<string, Input>();
  const byPort = new Map<number, Input>();
  let nowMs = 0;
  return {
    onPacket: (packet) => byPort.get(inputOf(packet.port).port)?.push('audio', packet, nowMs),
    onCommand: (given) => {
      const command = given as StepCommand;
      if (command.type === 'addInput') {
        const input = new Input({ ...command, name: command.id }, form);
        input.setTrack('audio', { codec: 'opus', sampleRateHz: 48_000, channels: 1 });
        inputs.set(command.id, input);
        byPort.set(command.port, input);
      } else if (command.type === 'addSound') sound.addOwn(command.port, command.without);
      else if (command.type === 'end') output.end();
      else {
        sound.tick(inputs, nowMs * 1000, nowMs);
        nowMs += TICK_MS;
      }
    },
    close: () => {
      sound.close();
      for (const input of inputs.values()) input.close();
    },
  };
});
