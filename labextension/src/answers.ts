import type {
  IAccess,
  IAmount,
  IAssociation,
  ICandidate,
  IClaim,
  IClient,
  ICluster,
  ICredential,
  IDataset,
  IDevice,
  IDraft,
  IDryRun,
  IFetch,
  IFile,
  IFiles,
  IFinding,
  IGroup,
  IGroupDryRun,
  ILink,
  IOffer,
  IParity,
  IParityRow,
  IPlace,
  IPrompt,
  IReach,
  IReachRow,
  ISite,
  ISweepRow,
  ISweepView,
  ITold,
  IWait,
  IWorker,
  Shown
} from './wire';

/**
 * Whether an answer is one that views can show. They walk through its lists and records, and show
 * its words, without looking: one that is missing would take the whole view down. What else an
 * answer holds is not looked at.
 */
export type Check<T> = (value: unknown) => value is T;

type Words<T> = {
  [K in keyof T]-?: T[K] extends string ? K : never;
}[keyof T];
type Parts<T> = { readonly [K in keyof T]?: Check<T[K]> };

export const isText: Check<string> = value => typeof value === 'string';
const isNumber: Check<number> = value => typeof value === 'number';

/** An object in which `words` are text and `parts` are what they have to be. */
function record<T>(words: readonly Words<T>[], parts: Parts<T> = {}): Check<T> {
  const checks: readonly [string, Check<unknown>][] = Object.entries(parts);
  return (value): value is T => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return false;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    return (
      words.every(name => isText(fields[name as string])) &&
      checks.every(([name, check]) => check(fields[name]))
    );
  };
}

export function listOf<T>(check: Check<T>): Check<T[]> {
  return (value): value is T[] => Array.isArray(value) && value.every(check);
}

export function orNone<T>(check: Check<T>): Check<T | null> {
  return (value): value is T | null => value === null || check(value);
}

const isShown: Check<Shown> = (value): value is Shown =>
  value === null || isText(value) || isNumber(value);

/** A record of `check` by names that nobody knows before. */
export function byName<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value): value is Readonly<Record<string, T>> =>
    isRecord(value) && Object.values(value).every(check);
}

const isRecord = record<Readonly<Record<string, unknown>>>([]);
const isAmount = record<IAmount>(['kind', 'source', 'reason', 'date'], {
  value: orNone(isNumber)
});
const isWait = record<IWait>(['kind', 'source', 'reason', 'date', 'record'], {
  median: orNone(isNumber),
  likely: orNone(isNumber)
});

export const isReach = record<IReach>(['offer', 'node', 'chosen', 'measured'], {
  rows: listOf(record<IReachRow>(['what', 'found', 'verdict', 'reason']))
});

export const isSite = record<ISite>(
  ['id', 'name', 'kind', 'state', 'reason', 'account', 'probing'],
  {
    unverified: listOf(isText),
    credentials: listOf(record<ICredential>(['name', 'verdict', 'said'])),
    reach: orNone(isReach),
    offers: listOf(
      record<IOffer>(['id', 'site', 'name', 'per', 'unit', 'reason'], {
        wait: isWait,
        price_eur: isAmount,
        units: isAmount,
        left: isAmount,
        energy_kwh: isAmount,
        carbon_g: isAmount,
        unverified: listOf(isText)
      })
    )
  }
);

export const isCluster = record<ICluster>(
  ['name', 'state', 'reason', 'started', 'attach'],
  {
    groups: listOf(
      record<IGroup>(['name', 'site', 'offer', 'state', 'reason', 'meaning'], {
        workers: listOf(
          record<IWorker>(['name', 'state', 'reason', 'node', 'device'], {
            devices: listOf(record<IDevice>(['device', 'model']))
          })
        )
      })
    ),
    links: listOf(record<ILink>(['source', 'target'], { bytes: isNumber })),
    eur: isAmount,
    eur_per_hour: isAmount,
    carbon_kg: isAmount,
    carbon_kg_per_hour: isAmount,
    access: record<IAccess>([], {
      clients: listOf(record<IClient>(['leaf', 'who', 'since', 'until'])),
      places: listOf(record<IPlace>(['site', 'runs_as', 'account']))
    })
  }
);

export const isClaim = record<IClaim>([
  'field',
  'value',
  'kind',
  'source',
  'url',
  'observed',
  'expires',
  'note'
]);

const isTold = orNone(
  record<ITold>(['kind', 'source', 'date'], {
    value: (value): value is ITold['value'] =>
      ['string', 'number', 'boolean'].includes(typeof value) ||
      listOf(isText)(value)
  })
);

export const isDataset = record<IDataset>(
  ['id', 'name', 'url', 'path', 'format'],
  {
    site: orNone(isText),
    owner: isTold,
    licence: isTold,
    jurisdiction: isTold,
    size_gb: isTold
  }
);

const isFlag: Check<boolean> = value => typeof value === 'boolean';

export const isFiles = record<IFiles>(['site', 'path'], {
  files: listOf(
    record<IFile>(['name', 'kind'], {
      size: orNone(isNumber),
      modified: orNone(isText),
      fetchable: isFlag,
      opens: isFlag
    })
  ),
  above: orNone(isText)
});

export const isFetch = record<IFetch>(
  ['id', 'site', 'path', 'target', 'state', 'reason'],
  { done: isNumber, total: orNone(isNumber) }
);

export const isPrompt = record<IPrompt>([
  'id',
  'kind',
  'site',
  'text',
  'expires'
]);

export const isDryRun = record<IDryRun>(['cluster', 'plan', 'refusal'], {
  groups: listOf(
    record<IGroupDryRun>(['group', 'offer', 'script', 'unit', 'certificate'], {
      wait: isWait,
      eur: isAmount,
      units: isAmount,
      energy_kwh: isAmount,
      carbon_kg: isAmount
    })
  ),
  warnings: listOf(isText),
  parity: listOf(
    record<IParity>(['site', 'python', 'refusal'], {
      rows: listOf(record<IParityRow>(['what', 'here', 'there', 'verdict']))
    })
  ),
  policy: listOf(record<IFinding>(['rule', 'site', 'claim', 'verdict', 'said']))
});

export const isDraft = record<IDraft>(
  ['site', 'user', 'access', 'terms', 'docs'],
  {
    profile: isRecord,
    candidates: listOf(
      record<ICandidate>(['site', 'source', 'name', 'text', 'reason'], {
        profile: isRecord
      })
    )
  }
);

export const isAssociation = record<IAssociation>(['account'], {
  qos: listOf(isText)
});

export const isSweepView = record<ISweepView>(['notebook', 'left', 'since'], {
  parameters: listOf(isText),
  fixed: byName(isShown),
  total: isNumber,
  ended: isNumber,
  digits: isNumber,
  running: listOf(isNumber),
  rows: listOf(
    record<ISweepRow>(['status', 'error', 'site', 'started'], {
      run: isNumber,
      parameters: listOf(isShown),
      outputs: byName(isShown)
    })
  )
});
