/** A promise that is settled from outside; a rejection that nobody waits for is no fault. */
export function deferred(): { readonly promise: Promise<void>; resolve(): void; reject(error: Error): void } {
  let settle: { resolve(): void; reject(error: Error): void } | undefined;
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  // A stream that ends before anyone waited for it is no fault.
  promise.catch(() => undefined);
  return { promise, resolve: () => settle?.resolve(), reject: (error) => settle?.reject(error) };
}
