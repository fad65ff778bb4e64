import { useId, type ComponentPropsWithRef, type ReactElement, type ReactNode } from "react";

interface Described {
  readonly label: string;
  readonly hint?: string;
  readonly fault?: string | undefined;
}

/** The frame that every field has: its label above, a hint or a fault under it, tied together for a screen reader. */
function useField(
  label: string,
  note: string | undefined,
  isFault: boolean,
): {
  readonly describe: {
    readonly id: string;
    readonly "aria-invalid": boolean;
    readonly "aria-describedby": string | undefined;
  };
  readonly field: (control: ReactElement) => ReactElement;
} {
  const id = useId();
  return {
    describe: {
      id,
      "aria-invalid": isFault,
      "aria-describedby": note === undefined ? undefined : `${id}-note`,
    },
    field: (control) => (
      <div className="field">
        <label className="label" htmlFor={id}>
          {label}
        </label>
        {control}
        {note !== undefined && (
          <div id={`${id}-note`} className={isFault ? "change-deleted note" : "dim note"}>
            {note}
          </div>
        )}
      </div>
    ),
  };
}

/** A labelled text field with a hint or a fault under it. */
export function TextField({
  label,
  hint,
  fault,
  ...rest
}: ComponentPropsWithRef<"input"> & Described): ReactElement {
  const { field, describe } = useField(label, fault ?? hint, fault !== undefined);
  return field(<input className="input" {...describe} {...rest} />);
}

/** A labelled field of several lines, in the mono face. */
export function LinesField({
  label,
  hint,
  fault,
  ...rest
}: ComponentPropsWithRef<"textarea"> & Described): ReactElement {
  const { field, describe } = useField(label, fault ?? hint, fault !== undefined);
  return field(<textarea rows={3} className="input mono" {...describe} {...rest} />);
}

export function SelectField({
  label,
  fault,
  children,
  ...rest
}: ComponentPropsWithRef<"select"> & Described & { readonly children: ReactNode }): ReactElement {
  const { field, describe } = useField(label, fault, fault !== undefined);
  return field(
    <select className="input" {...describe} {...rest}>
      {children}
    </select>,
  );
}

export function CheckField({
  label,
  ...rest
}: ComponentPropsWithRef<"input"> & { readonly label: string }): ReactElement {
  const id = useId();
  return (
    <div className="row">
      <input id={id} type="checkbox" {...rest} />
      <label htmlFor={id}>{label}</label>
    </div>
  );
}
