import { serveJobs } from 'wcs-core/process/child-jobs';
import type { MixSpec } from '../wire/mix-job.ts';

// Loaded with the first job, so that a missing node-av refuses that job and says why.
serveJobs(async (spec, output) => {
  const { MixJob } = await import('./mix-job.ts');
  // Written by the same bundle.
  return new MixJob(spec as MixSpec, output);
});
