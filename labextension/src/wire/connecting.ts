/** The person's side of a site: what is known before anything is asked, and a profile. */

/** The person's side of a site; holds no secret. */
export interface IProfile {
  readonly site: string;
  readonly kind: 'local' | 'emulated' | 'slurm' | 'kubernetes';
  readonly ssh?: ILogin;
  readonly account?: string;
  readonly terms_accepted?: boolean;
  readonly qos?: string;
  readonly work_directory?: string;
  readonly kubernetes?: {
    readonly context: string;
    readonly namespace?: string;
    readonly offers: readonly IPod[];
  };
}

/** How a login node is reached. */
export interface ILogin {
  readonly host: string;
  readonly user: string;
  readonly key?: string;
  readonly host_key?: string;
  readonly jump?: readonly ILogin[];
}

/** A site that the person has described to another program. */
export interface ICandidate {
  readonly site: string;
  readonly source: string;
  readonly name: string;
  readonly text: string;
  readonly profile: Partial<IProfile>;
  readonly reason: string;
}

/** What is known of the person's side of a site before anything is asked. */
export interface IDraft {
  readonly site: string;
  readonly user: string;
  readonly profile: Partial<IProfile>;
  readonly access: string;
  /** Links; '' when nobody says where. */
  readonly terms: string;
  readonly docs: string;
  readonly candidates: readonly ICandidate[];
}

/** What the person may charge at a site. */
export interface IAssociation {
  readonly account: string;
  readonly qos: readonly string[];
}

/** What one pod of an offer may have. */
export interface IPod {
  readonly name: string;
  readonly image: string;
  readonly cpus: number;
  readonly memory_gb: number;
  readonly gpus: number;
}
