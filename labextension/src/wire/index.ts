/**
 * What the server sends: the models of `jupyter_continuum/broker/messages/`,
 * written down once. `null` means unknown. Times are ISO 8601 in UTC.
 */

export * from './sites';
export * from './connecting';
export * from './clusters';
export * from './data';
export * from './plans';
export * from './events';
export * from './sweeps';
