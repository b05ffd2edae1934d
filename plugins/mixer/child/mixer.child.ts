import { serveJobs } from 'wcs-core/process/child-jobs';
import type { MixSpec } from '../wire/mix-job.ts';

// Loaded before the first job, which may be a while off; a missing node-av refuses that job and says why.
const loading = Promise.all([import('./mix-job.ts'), import('wcs-core/process/av/open-audio-encoder').then(({ loadAudioEncoders }) => loadAudioEncoders())]);
loading.catch(() => undefined);
serveJobs(async (spec, output) => {
  const [{ MixJob }] = await loading;
  // Written by the same bundle.
  return new MixJob(spec as MixSpec, output);
});
