/** Whether what runs inside an object says that it is done; of what has no inside, nothing more is known. */

type Inside = { readonly status: unknown }

export const isReadyWithin = ({ status }: Inside): boolean =>
  typeof status !== 'object' || status === null || !('ready' in status) || status.ready !== null
