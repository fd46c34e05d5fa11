// Turns the devices of a property into a list with logins: registered, rotated and revoked; a secret is shown once.
import { actButton } from './act_button.js';
import { Checks, Choice } from './choices.js';
import { h } from './elements.js';
import { Field, Form } from './form.js';
import { ago, time } from './format.js';
import { DEVICES, REGISTER_DEVICE, REVOKE_DEVICE, ROTATE_DEVICE } from './letting_operations.js';
import { card, entry, Part } from './page_part.js';
import { ShownOnce } from './shown_once.js';

const KINDS = {
  PANEL_METER: 'Power meter',
  TASMOTA: 'Tasmota',
  ENERGY_HUB: 'Energy hub',
  SHELLY: 'Shelly',
  ZIGBEE2MQTT: 'Zigbee2MQTT',
  HOME_ASSISTANT: 'Home Assistant',
  MAPPED: 'Read by a mapping',
};

export class DevicesCard {
  #api;
  #property;

  constructor({ api, property }) {
    this.#api = api;
    this.#property = property;
    this.secret = new ShownOnce();
    this.list = new Part({ api, query: DEVICES, shown: ({ registeredDevices }) => this.#shown(registeredDevices.nodes) });
    this.element = card(
      'Devices',
      h('p', { class: 'small faint' }, 'A registered device has a login of its own, and it alone sends readings of its panels.'),
      this.secret.element,
      this.list.element,
      h('details', {}, h('summary', {}, 'Register a device'), this.#registration()),
    );
    this.list.refresh();
  }

  #shown(devices) {
    const own = devices.filter((device) => this.#isHere(device));
    if (!own.length) return h('p', { class: 'faint' }, 'No device is registered here.');
    return h('ul', { class: 'rows' }, own.map((device) => this.#row(device)));
  }

  #isHere({ propertyId, panels }) {
    return propertyId === this.#property.id || panels.some(({ property }) => property?.id === this.#property.id);
  }

  #row({ id, kind, name, panelCodes, username, rotatesUntil, lastSeenAt }) {
    const seen = lastSeenAt ? `heard of ${ago(Date.parse(lastSeenAt), Date.now())}` : 'never heard of';
    const rotating = rotatesUntil && `The secret before holds until ${time(rotatesUntil, { shape: 'dateClock' })}.`;
    const rotate = async () => this.#told(await this.#api.change(ROTATE_DEVICE, { id }));
    const revoke = async () => (await this.#api.change(REVOKE_DEVICE, { id }), this.list.refresh());
    return entry({
      title: `${name} (${KINDS[kind]})`,
      lines: [`${panelCodes.join(', ') || 'no panels of its own'} · ${seen}`, `Login ${username}`, rotating],
      acts: [
        actButton({ words: 'New secret', label: `New secret for ${name}`, question: 'The old one holds for a day.', act: rotate }),
        actButton({ words: 'Revoke', label: `Revoke ${name}`, question: 'It can send nothing any more. For good?', act: revoke }),
      ],
    });
  }

  #told({ username, secret }) {
    this.secret.show({ about: 'User name and password for the broker.', lines: [username, secret] });
    this.list.refresh();
  }

  #registration() {
    const kind = new Choice({ name: 'kind', label: 'Family', options: Object.entries(KINDS) });
    const name = new Field({
      name: 'name',
      label: 'Name in its topics',
      placeholder: 'PM7',
      hint: 'PM7 of DATA/PM/PM7, cellar of tele/cellar/SENSOR.',
    });
    const options = this.#property.panels.nodes.map((panel) => [panel.code, panel.name]);
    const panels = new Checks({ name: 'panelCodes', label: 'Panels besides those that its name says', options });
    const send = async () => {
      const input = { kind: kind.value, name: name.value, propertyId: this.#property.id, panelCodes: panels.value };
      this.#told(await this.#api.change(REGISTER_DEVICE, input));
    };
    const fields = options.length ? [kind, name, panels] : [kind, name];
    return new Form({ name: 'Register a device', action: 'Register', fields, send, isOnce: false }).element;
  }
}
