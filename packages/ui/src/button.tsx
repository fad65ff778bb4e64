import type { ComponentPropsWithRef, ReactElement, ReactNode } from "react";

type ButtonProps = ComponentPropsWithRef<"button"> & {
  readonly look?: "primary" | "danger" | "plain";
};

export function Button({ look, className, type, ...rest }: ButtonProps): ReactElement {
  return <button type={type ?? "button"} className={`button ${look ?? ""} ${className ?? ""}`} {...rest} />;
}

type IconButtonProps = Omit<ButtonProps, "aria-label" | "children"> & {
  readonly label: string;
  /** Shown in the tip beside the label. */
  readonly keyName?: string;
  readonly children: ReactNode;
};

/** A button with a picture only: its name is spoken and shown as a tip. */
export function IconButton({ label, keyName, children, className, ...rest }: IconButtonProps): ReactElement {
  return (
    <Button
      look="plain"
      aria-label={label}
      title={keyName === undefined ? label : `${label} (${keyName})`}
      className={`icon ${className ?? ""}`}
      {...rest}
    >
      {children}
    </Button>
  );
}
