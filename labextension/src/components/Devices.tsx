import * as format from '../format';
import {
  devicesBySite,
  type IDevices,
  type ISiteDevices,
  type IUsedDevice,
  siteName,
  sumOf
} from '../select';
import { usePanel } from './context';
import { Section } from './Section';

const SHOWN_DEVICES = 64;

/** How busy the devices of all workers are, by site. */
export function Devices(): JSX.Element | null {
  const { model, trans } = usePanel();
  const sites = devicesBySite(model.clusters);
  if (!sites.length) {
    return null;
  }
  return (
    <Section
      className="jp-Continuum-devices"
      title={trans.__('Devices')}
      summary={sums(sumOf(sites.flatMap(site => site.devices)))}
      folded
      isText
    >
      <ul className="jp-Continuum-list" aria-label={trans.__('Devices')}>
        {sites.map(site => (
          <SiteDevices key={site.site} site={site} />
        ))}
      </ul>
    </Section>
  );
}

function SiteDevices({ site }: { readonly site: ISiteDevices }): JSX.Element {
  const { model, trans } = usePanel();
  const name = siteName(model.sites, site.site);
  const hidden = site.devices.length - SHOWN_DEVICES;
  return (
    <li className="jp-Continuum-siteDevices" data-devices-of={site.site}>
      <p className="jp-Continuum-siteDevicesHeader">
        <span title={site.site}>{name}</span>
        <span className="jp-Continuum-workerNumber">{sums(site)}</span>
      </p>
      <ul aria-label={trans.__('Devices of %1', name)}>
        {site.devices.slice(0, SHOWN_DEVICES).map(device => (
          <Device key={device.key} device={device} />
        ))}
      </ul>
      {hidden > 0 && (
        <p className="jp-Continuum-hint">{trans.__('and %1 more', hidden)}</p>
      )}
    </li>
  );
}

/** How many, how busy on average and how much power they draw, as far as it is known. */
function sums(all: IDevices): string {
  return [
    format.count(all.devices.length),
    all.busyPercent !== null && `${all.busyPercent.toFixed(0)} %`,
    all.powerWatts !== null && format.watts(all.powerWatts)
  ]
    .filter(Boolean)
    .join(' · ');
}

function Device({ device }: { readonly device: IUsedDevice }): JSX.Element {
  const { trans } = usePanel();
  const kind = device.device
    ? device.model || trans.__('GPU %1', device.device)
    : trans.__('CPU');
  const busy = device.busy_percent;
  const filled =
    device.memory_bytes !== null && device.memory_total_bytes
      ? (100 * device.memory_bytes) / device.memory_total_bytes
      : null;
  return (
    <li className="jp-Continuum-device">
      <span className="jp-Continuum-workerName" title={device.worker.name}>
        {device.worker.node || device.worker.name}
        {device.device && ` · ${device.device}`}
      </span>
      <span className="jp-Continuum-deviceKind" title={kind}>
        {device.power_watts === null
          ? kind
          : `${kind} · ${format.watts(device.power_watts)}`}
      </span>
      <Meter
        label={trans.__('Busy')}
        percent={busy}
        text={busy === null ? trans.__('unknown') : `${busy} %`}
      />
      <Meter
        label={trans.__('Memory')}
        percent={filled}
        text={
          device.memory_bytes === null
            ? trans.__('unknown')
            : device.memory_total_bytes === null
              ? format.bytes(device.memory_bytes)
              : `${format.bytes(device.memory_bytes)} / ${format.bytes(device.memory_total_bytes)}`
        }
      />
    </li>
  );
}

function Meter(props: {
  readonly label: string;
  /** `null`: not known. */
  readonly percent: number | null;
  readonly text: string;
}): JSX.Element {
  const known = props.percent !== null;
  return (
    <span className="jp-Continuum-meter" title={props.label}>
      <span
        className="jp-Continuum-bar"
        role={known ? 'meter' : undefined}
        aria-label={known ? props.label : undefined}
        aria-valuemin={known ? 0 : undefined}
        aria-valuemax={known ? 100 : undefined}
        aria-valuenow={known ? Math.round(props.percent ?? 0) : undefined}
        aria-valuetext={known ? props.text : undefined}
      >
        <span style={{ width: `${Math.min(100, props.percent ?? 0)}%` }} />
      </span>
      <span className="jp-Continuum-workerNumber">{props.text}</span>
    </span>
  );
}
