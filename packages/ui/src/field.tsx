import { useId, type ComponentPropsWithRef, type ReactElement, type ReactNode } from "react";

/** A labelled text field with a hint or a fault under it. */
export function TextField({
  label,
  hint,
  fault,
  ...rest
}: ComponentPropsWithRef<"input"> & {
  readonly label: string;
  readonly hint?: string;
  readonly fault?: string | undefined;
}): ReactElement {
  const id = useId();
  const note = fault ?? hint;
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="input"
        aria-invalid={fault !== undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        {...rest}
      />
      {note !== undefined && (
        <div id={`${id}-note`} className={fault === undefined ? "dim note" : "change-deleted note"}>
          {note}
        </div>
      )}
    </div>
  );
}

export function SelectField({
  label,
  children,
  ...rest
}: ComponentPropsWithRef<"select"> & { readonly label: string; readonly children: ReactNode }): ReactElement {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <select id={id} className="input" {...rest}>
        {children}
      </select>
    </div>
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
