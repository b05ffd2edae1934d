/** The part of tsyringe that has no public types: the table of decorated classes. */
declare module 'tsyringe/dist/cjs/dependency-container.js' {
  export const typeInfo: Map<new (...parameters: never[]) => unknown, unknown>;
}
