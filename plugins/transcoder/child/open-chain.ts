import { hasCodec } from 'wcs-core/process/av/native';
import { loadAudioEncoders } from 'wcs-core/process/av/open-audio-encoder';
import type { JobHandler, JobOutput } from 'wcs-core/process/child-jobs';
import type { Codec } from 'wcs-core';
import type { ChainCommand, ChainEvent, JobSpec } from '../processor/chain-spec.ts';
import { codecsOf, DECODERS, ENCODERS } from 'wcs-core/process/av/codec-names';
import { AudioChain } from './audio-chain.ts';
import type { MediaChain } from './chain.ts';
import { VideoChain } from './video-chain.ts';

const loadingEncoders = loadAudioEncoders();

/** Opens a job: a chain, or the question which codecs there are. */
export async function openChain(spec: JobSpec, output: JobOutput): Promise<JobHandler> {
  const further = await loadingEncoders;
  if (spec.type === 'probe') return probe(output, further);
  const { input } = spec;
  const chain: MediaChain = input.kind === 'audio' ? new AudioChain(input, output) : new VideoChain(input, output);
  return {
    onPacket: (packet) => chain.push(packet),
    // Written by the same bundle.
    onCommand: (command) => obey(chain, command as ChainCommand, output),
    close: () => chain.close(),
  };
}

function obey(chain: MediaChain, command: ChainCommand, output: JobOutput): void {
  switch (command.type) {
    case 'input':
      return chain.setInput(command.input);
    case 'addOutput':
      try {
        chain.addOutput(command.port, command.output);
      } catch (error) {
        output.event({ type: 'outputFailed', port: command.port, reason: String(error) });
      }
      return;
    case 'removeOutput':
      return chain.removeOutput(command.port);
    case 'keyFrame':
      return chain.requestKeyFrame();
    case 'bitrate':
      return chain.setBitrate?.(command.port, command.bitrateBps);
  }
}

function probe(output: JobOutput, further: readonly Codec[]): JobHandler {
  const [decoders, encoders] = [codecsOf(DECODERS, (names) => hasCodec(names, 'decoder')), codecsOf(ENCODERS, (names) => hasCodec(names, 'encoder'))];
  output.event({ type: 'codecs', decoders, encoders: [...encoders, ...further] } satisfies ChainEvent);
  return { onPacket: () => undefined, onCommand: () => output.end(), close: () => undefined };
}
