/** Test kit for plugins, as `wcs-core/testing`. */
export { pluginConformance, type ConformanceEnvironment, type ConformanceSubject, type LiveSession } from './conformance/conformance.ts';
export { freePorts, startTestKernel, type TestKernel, type TestKernelOptions } from './test-kernel.ts';
export { until } from './until.ts';
