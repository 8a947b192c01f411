/** What a launch asks for, what it would do, and what the policy says of it. */

import type { IAmount, IWait } from './sites';

export interface IGroupPlan {
  readonly offer: string;
  readonly jobs: number;
  readonly nodes?: number;
  readonly workers_per_node?: number;
  readonly walltime_minutes?: number;
}

export interface IPlan {
  readonly name?: string;
  readonly groups: readonly IGroupPlan[];
  readonly policy?: IPolicy;
}

export interface IGroupDryRun {
  readonly group: string;
  readonly offer: string;
  readonly jobs: number;
  readonly workers: number;
  readonly script: string;
  readonly wait: IWait;
  /** Of all jobs until their walltime, as are the amounts below. */
  readonly eur: IAmount;
  readonly unit: string;
  readonly units: IAmount;
  readonly energy_kwh: IAmount;
  readonly carbon_kg: IAmount;
  readonly certificate: string;
}

/** What one rule of the policy says of one site; '' of all together. */
export interface IFinding {
  readonly rule: string;
  readonly site: string;
  /** `site:field`: what an acceptance names. */
  readonly claim: string;
  /** `satisfied`, `accepted`, `unknown` or `refused`; the last two stop a launch. */
  readonly verdict: string;
  readonly said: string;
}

/** The person's hard limits. */
export interface IPolicy {
  readonly jurisdictions?: readonly string[] | null;
  readonly no_foreign_control?: boolean;
  readonly max_eur?: number | null;
  readonly max_allocation?: Readonly<Record<string, number>>;
  readonly max_carbon_kg?: number | null;
  readonly terms_accepted?: boolean;
}

/** The policy of the person's settings, and what stops each offer. */
export interface IPolicyView {
  readonly path: string;
  readonly limits: IPolicy;
  readonly offers: Readonly<Record<string, readonly IFinding[]>>;
}

export interface IDryRun {
  readonly cluster: string;
  /** As a file holds it. */
  readonly plan: string;
  readonly groups: readonly IGroupDryRun[];
  readonly warnings: readonly string[];
  readonly parity: readonly IParity[];
  readonly policy: readonly IFinding[];
  /** Why the policy refuses the launch, and what to do; '' when it does not. */
  readonly refusal: string;
}

/** One thing that is installed here and there; '' where it is not, or not known. */
export interface IParityRow {
  readonly what: string;
  readonly here: string;
  readonly there: string;
  readonly verdict: string;
}

/** The worker environment of a site beside ours. */
export interface IParity {
  readonly site: string;
  readonly python: string;
  readonly rows: readonly IParityRow[];
  readonly refusal: string;
}
